#!/usr/bin/env bash
# A caseworker's day: what is due, a new case taken up, a visit made safely, a plan that changes, a file kept from the wrong
# eyes, and a closure that the supervisor sends back. Made to be read, and to be run against a server with the demonstration:
#   make walks BASE_URL=http://localhost:8080
# Needs curl and jq.
set -euo pipefail

. "$(dirname "$0")/lib/walk.sh"

WORKER=$(sign_in caseworker.agadez@demo.example)
SUPERVISOR=$(sign_in case_supervisor.agadez@demo.example)
MANAGER=$(sign_in centre_manager.agadez@demo.example)
ME=$(call "$WORKER" GET /v1/me | jq -er .id)
BOSS=$(call "$SUPERVISOR" GET /v1/me | jq -er .id)
in_days() { date -u -d "+$1 days" +"$2" 2>/dev/null || date -u -v"+$1d" +"$2"; }

step "1. Somebody comes in; her case is opened and the clocks of its risk level run"
PERSON=$(call "$WORKER" POST "$C/beneficiaries" "{\"registration_level\":\"basic\",\"reception_on\":\"$TODAY\",\"population_type\":\"migrant\",\"given_name\":\"Rahila\",\"family_name\":\"Soubérou $RUN\",\"sex\":\"2\",\"age\":27,\"nationalities\":[\"NER\"],\"languages\":[\"ha\"],
  \"consent\":{\"decision\":\"given\",\"giver\":\"individual\",\"method\":\"written\",\"language\":\"ha\"}}" | jq -er .id)
call "$WORKER" POST "$C/beneficiaries/$PERSON/consents" '{"scope":"case_management","decision":"given","giver":"individual","method":"written","language":"ha"}' > /dev/null
CASE=$C/cases/$(call "$WORKER" POST "$C/cases" "{\"beneficiary_id\":\"$PERSON\",\"source\":\"walk_in\",\"risk_level\":\"high\",\"owner_id\":\"$ME\",\"summary\":\"Hides from somebody\"}" | jq -er .id)
change "$WORKER" "$CASE/open" | jq -c '{number, status, stage, risk_level, first_response_due_at, assessment_due_at, plan_due_at}'

step "2. The work list: what waits for me, the most urgent first"
call "$WORKER" GET "$C/worklist?whose=mine&risk_level=high&limit=3" | jq -c '.data[] | {kind, state, due_at, case_number, risk_level}'
call "$WORKER" GET "$C/worklist?whose=mine&kind=plan" | jq -e --arg id "${CASE##*/}" '[.data[] | select(.case_id == $id)] | length == 1' > /dev/null || fail "the new case is on no list"

step "3. A note of three days ago: marked as late; its correction is a version, not an erasure"
NOTE=$CASE/notes/$(call "$WORKER" POST "$CASE/notes" "{\"text\":\"She did not sleep; somebody called her four times.\",\"occurred_at\":\"$(date -u -d '-3 days' +%FT%TZ 2>/dev/null || date -u -v-3d +%FT%TZ)\"}" | jq -er .id)
change "$WORKER" "$NOTE" '{"text":"She did not sleep; the same man called her four times."}' PATCH | jq -c '{late, edited_at, version}'
call "$WORKER" GET "$NOTE/versions" | jq -r '.data[] | "  \(.text)"'

step "4. The problem is named, she is assessed, and a plan is agreed"
call "$WORKER" POST "$CASE/problems" '{"code":"family_separation","description":"Her sister stayed behind in Arlit"}' | jq -c '{code, status}'
FORM=$(call "$WORKER" GET "$C/forms?key=biopsychosocial&in_force=true" | jq -er '.data[0].id')
ASSESSMENT=$CASE/assessments/$(call "$WORKER" POST "$CASE/assessments" "{\"form_id\":\"$FORM\",\"interview_language\":\"ha\",\"answers\":{\"reason\":\"Is afraid\",\"psychological\":{\"self_harm\":\"no\"},\"urgent_needs\":[\"shelter\"],\"synthesis\":\"Afraid of one man; strong\"}}" | jq -er .id)
change "$WORKER" "$ASSESSMENT/complete" '{"summary":"Afraid of one man; needs a safe place"}' > /dev/null
PLAN=$CASE/plans/$(call "$WORKER" POST "$CASE/plans" "{\"review_on\":\"$(in_days 30 %F)\",\"goals\":[{\"description\":\"Is safe\",\"actions\":[{\"description\":\"A place in the women's house\",\"due_on\":\"$(in_days 2 %F)\"}]}]}" | jq -er .id)
change "$WORKER" "$PLAN" "{\"agreed\":true,\"agreed_on\":\"$TODAY\"}" PATCH > /dev/null
change "$WORKER" "$PLAN/activate" | jq -c '{number, status}'

step "5. A visit: first whether it is safe, and no nearer to the place than the district"
VISIT=$CASE/visits/$(call "$WORKER" POST "$CASE/visits" "{\"kind\":\"outreach\",\"planned_at\":\"$(date -u +%FT%TZ)\",\"admin2_pcode\":\"NER001001\"}" | jq -er .id)
change "$WORKER" "$VISIT/check-safety" '{"worker":"precautions","person":"safe","note":"Two go together"}' > /dev/null
change "$WORKER" "$VISIT/record" "{\"result\":\"met\",\"need\":\"ongoing_monitoring\",\"outcome\":\"Is well where she is\",\"next_at\":\"$(in_days 7 %FT09:00:00Z)\"}" | jq -c '{kind, status, admin2_pcode, next_followup_id}'

step "6. She would rather go to her sister: the plan is revised, and the difference told"
NEXT=$CASE/plans/$(change "$WORKER" "$PLAN/revise" '{"reason":"She wants to go to her sister"}' | jq -er .id)
call "$WORKER" POST "$CASE/goals" "{\"plan_id\":\"${NEXT##*/}\",\"description\":\"Lives with her sister in Arlit\"}" > /dev/null
call "$WORKER" GET "$NEXT/diff" | jq -c .

step "7. The file is restricted: its team sees it, the centre manager neither by id nor in a list"
call "$WORKER" POST "$CASE/team" "{\"user_id\":\"$BOSS\"}" > /dev/null
change "$WORKER" "$CASE" '{"sensitivity":"restricted"}' PATCH | jq -c '{number, sensitivity}'
status=$(curl -sS -o /dev/null -w '%{http_code}' "$BASE_URL$CASE" -H "Authorization: Bearer $MANAGER")
[[ $status == 404 ]] || fail "the manager read a restricted file: $status"
call "$MANAGER" GET "$C/cases?include_total=true&limit=100" | jq -e --arg id "${CASE##*/}" '[.data[] | select(.id == $id)] | length == 0' > /dev/null || fail "a list told of it"

step "8. How much everybody carries"
call "$SUPERVISOR" GET "$C/caseloads" | jq -c --arg id "$ME" '.data[] | select(.user_id == $id)'

step "9. She left for Arlit; the supervisor sends the closure back"
change "$WORKER" "$CASE/request-closure" '{"reason":"family_reunified","summary":"With her sister","person_informed":true,"justification":"The place in the house of women is not needed any more"}' | jq -c '{status}'
change "$SUPERVISOR" "$CASE/reject-closure" '{"comment":"Call her sister first"}' | jq -c '{status}'

printf '\nThe caseworker goes home.\n'
