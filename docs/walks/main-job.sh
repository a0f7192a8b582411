#!/usr/bin/env bash
# The main job, end to end: from a registration sheet to a government's table. Made to be read, and to
# be run against a server with the demonstration:  make walks BASE_URL=http://localhost:8080
# Needs curl and jq.
set -euo pipefail

. "$(dirname "$0")/lib/walk.sh"

PARTNER=01980000-0000-7000-8000-000000000003          # ONG Espoir du Sahel
PARTNER_CLIENT=01980000-0000-7000-8000-000000000201 PARTNER_SECRET=${PARTNER_SECRET:-wss_demonstration-partner-espoir}
STATE_CLIENT=01980000-0000-7000-8000-000000000203 STATE_SECRET=${STATE_SECRET:-wss_demonstration-government-statistics}

step "1. Sign in"
ADMIN=$(sign_in tenant_admin.agadez@demo.example)
WORKER=$(sign_in caseworker.agadez@demo.example)
SUPERVISOR=$(sign_in case_supervisor.agadez@demo.example)
call "$WORKER" GET /v1/me | jq -c '{name, roles: .memberships[0].roles}'

step "2. Import a registration sheet: a dry run, then for real"
SHEET=$(mktemp)
trap 'rm -f "$HEADERS" "$BODY" "$SHEET"' EXIT
cat > "$SHEET" <<EOF
_id;date_enregistrement;centre;nom;prenom;sexe;date_naissance;age;nationalite;langue;telephone;type_document;numero_document;menage;lien;date_arrivee;mode_arrivee;motif;destination;vulnerabilites;consentement;methode_consentement;certifie_par;observations
$RUN-1;$(date +%d/%m/%Y);Centre de transit Agadez;Tchiroma;Hadiza;f;03/05/1998;28;Niger;haoussa;;;;;;$TODAY;expulsé d'Algérie;économique;retour pays d'origine;;oui;écrit;;
$RUN-2;$TODAY;Centre de transit Agadez;Diallo;Mamadou;Homme;;31;guinéenne;peul;;;;;;$TODAY;secours désert (SAR);conflit;Italie;blessé;oui;verbal;R. Mahamane;
$RUN-3;31/02/$(date +%Y);Centre de transit Agadez;Keïta;Issa;M;;22;Mali;bambara;;;;;;$TODAY;spontané;études;Algérie;;oui;écrit;;
$RUN-4;$TODAY;Centre de transit Agadez;Sow;Awa;f;;25;Sénégal;wolof;;;;;;$TODAY;spontané;famille;France;;;;;
EOF
upload() { # upload MODE: starts the import, waits, prints it
  local path
  path=$C/imports/$(call "$ADMIN" POST "$C/imports?mapping=niger-2024&duplicates=import&mode=$1" "" -H 'Content-Type: text/csv' --data-binary "@$SHEET" | jq -er .id)
  until call "$ADMIN" GET "$path" | jq -e '.status | IN("completed", "failed", "cancelled")' > /dev/null; do sleep 0.2; done
  call "$ADMIN" GET "$path"
}
DRY=$(upload dry_run)
jq -c '{status, counts, errors}' <<< "$DRY"
echo "What is wrong, row by row, in French:"
call "$ADMIN" GET "$C/imports/$(jq -r .id <<< "$DRY")/rows?status=rejected" "" -H 'Accept-Language: fr' |
  jq -r '.data[] | "  line \(.line): \(.issues[0].column): \(.issues[0].message)"'
REAL=$(upload commit)
[[ $(jq .counts.created <<< "$REAL") == 2 ]] || fail "two rows keep the rules: $REAL"

step "3. Find a person, by the sound of a name"
PERSON=$(call "$WORKER" GET "$C/beneficiaries?q=hadija%20chiroma" | jq -ec '.data[0]')
jq -c '{reference, given_name, family_name, birth_date}' <<< "$PERSON"
PERSON_ID=$(call "$ADMIN" GET "$C/imports/$(jq -r .id <<< "$REAL")/rows?status=created" | jq -er '.data[0].beneficiary_id')
P=$C/beneficiaries/$PERSON_ID

step "4. Record consent: to case management, and to share with one partner"
for consent in '{"scope":"case_management"}' "{\"scope\":\"share_organisations\",\"recipient_ids\":[\"$PARTNER\"]}"; do
  call "$WORKER" POST "$P/consents" "$(jq -c '. + {decision: "given", giver: "individual", method: "written", language: "ha"}' <<< "$consent")" | jq -c '{scope, decision, method}'
done

step "5. Open a case"
ME=$(call "$WORKER" GET /v1/me | jq -er .id)
CASE=$C/cases/$(call "$WORKER" POST "$C/cases" "{\"beneficiary_id\":\"$PERSON_ID\",\"source\":\"walk_in\",\"risk_level\":\"medium\",\"owner_id\":\"$ME\",\"summary\":\"Travels alone and lost her papers\"}" | jq -er .id)
change "$WORKER" "$CASE/open" | jq -c '{number, status, stage, risk_level, plan_due_at}'

step "6. Assess her situation on a form of the network, and agree a plan with her"
FORM=$(call "$WORKER" GET "$C/forms?key=biopsychosocial&in_force=true" | jq -er '.data[0].id')
ASSESSMENT=$CASE/assessments/$(call "$WORKER" POST "$CASE/assessments" "{\"form_id\":\"$FORM\",\"interview_language\":\"ha\",\"interpreter_used\":true,\"answers\":{\"reason\":\"Lost her papers on the way\"}}" | jq -er .id)
change "$WORKER" "$ASSESSMENT" '{"answers":{"psychological":{"self_harm":"no"},"urgent_needs":["medical"],"synthesis":"Tired and worried; prays, and has a sister near"}}' PATCH > /dev/null
change "$WORKER" "$ASSESSMENT/complete" '{"summary":"Needs a consultation and new papers"}' | jq -c '{kind, status}'
PLAN=$CASE/plans/$(call "$WORKER" POST "$CASE/plans" "{\"review_on\":\"$(date -d '+30 days' +%F 2>/dev/null || date -v+30d +%F)\",\"goals\":[{\"description\":\"Is in good health\",\"actions\":[{\"description\":\"Consultation with the partner\",\"due_on\":\"$TODAY\"}]}]}" | jq -er .id)
change "$WORKER" "$PLAN" "{\"agreed\":true,\"agreed_on\":\"$TODAY\"}" PATCH > /dev/null
change "$WORKER" "$PLAN/activate" | jq -c '{number, status, agreed}'
change "$WORKER" "$PLAN/hand-over" '{"language":"fr"}' | jq -c '{copy_given_on, copy_language}'

step "7. Refer her to the partner, under an agreement: see what would be disclosed, then send exactly that"
call "$ADMIN" GET "/v1/agreements?organisation_id=$PARTNER&in_force=true" | jq -c '.data[0] | {purpose, fields, sensitivity_ceiling}'
CASE_ID=${CASE##*/}
REFERRAL=$C/referrals/$(call "$WORKER" POST "$C/referrals" "{\"case_id\":\"$CASE_ID\",\"organisation_id\":\"$PARTNER\",\"priority\":\"urgent\",\"reasons\":[\"health_nutrition\"],\"services\":[\"health.consultation\"],\"explanation\":\"Consultation\",\"client_mode\":\"identified\",\"disclosed_fields\":[\"given_name\",\"family_name\",\"sex\",\"age_group\",\"languages\"]}" | jq -er .id)
call "$WORKER" GET "$REFERRAL/preview" | jq -r '.fields[] | "  \(.field): \(.value) (\(.opens))"'
change "$WORKER" "$REFERRAL/send" | jq -c '{number, status, acknowledge_due_at}'

step "8. The partner acknowledges, accepts, starts and completes with its own credentials"
PARTNER_TOKEN=$(client $PARTNER_CLIENT "$PARTNER_SECRET")
THEIRS=/v1/partner/referrals/${REFERRAL##*/}
echo "before acceptance: $(call "$PARTNER_TOKEN" GET "$THEIRS" | jq -c .preview)"
change "$PARTNER_TOKEN" "$THEIRS/acknowledge" > /dev/null
change "$PARTNER_TOKEN" "$THEIRS/accept" '{}' > /dev/null
echo "after acceptance:  $(call "$PARTNER_TOKEN" GET "$THEIRS" | jq -c .content)"
change "$PARTNER_TOKEN" "$THEIRS/start" > /dev/null
change "$PARTNER_TOKEN" "$THEIRS/complete" "{\"feedback\":\"Seen, treated, well\",\"delivered_on\":\"$TODAY\"}" | jq -c '{status}'
status=$(curl -sS -o /dev/null -w '%{http_code}' "$BASE_URL$P" -H "Authorization: Bearer $PARTNER_TOKEN")
[[ $status == 403 ]] || fail "a partner read a person: $status"

step "9. Close the case: asked for by one, approved by another"
ACTION=$CASE/actions/$(call "$WORKER" GET "$CASE/actions" | jq -er '.data[0].id')
change "$WORKER" "$ACTION" "{\"status\":\"done\",\"done_on\":\"$TODAY\",\"outcome\":\"Seen by the partner\"}" PATCH > /dev/null
FOLLOWUP=$CASE/follow-ups/$(call "$WORKER" POST "$CASE/follow-ups" "{\"type\":\"for_service\",\"due_at\":\"$(date -u +%FT%TZ)\"}" | jq -er .id)
change "$WORKER" "$FOLLOWUP/complete" '{"need":"no_further_action","outcome":"She is well"}' > /dev/null
change "$WORKER" "$CASE/request-closure" '{"reason":"plan_completed","summary":"Treated; goals met","person_informed":true}' | jq -c '{status}'
TAG=$(tr -d '\r' < "$HEADERS" | awk 'tolower($1) == "etag:" { print $2 }')
status=$(curl -sS -o /dev/null -w '%{http_code}' -X POST "$BASE_URL$CASE/approve-closure" -H "Authorization: Bearer $WORKER" -H "If-Match: $TAG" -H 'Content-Type: application/json' -d '{}')
[[ $status == 403 ]] || fail "whoever asked also approved: $status"
change "$SUPERVISOR" "$CASE/approve-closure" '{"comment":"Well documented"}' | jq -c '{number, status, closed_at}'

step "10. The government pulls registrations by month × sex × age group × nationality"
STATE_TOKEN=$(client $STATE_CLIENT "$STATE_SECRET")
TABLE=$(call "$STATE_TOKEN" GET "/v1/statistics/cubes/registrations/data?dimensions=month,sex,age_group,nationality&from=2024-01&to=2024-12")
jq -r '"\(.data | length) cells, \([.data[] | select(.status == "suppressed")] | length) of them suppressed"' <<< "$TABLE"
jq -r '[.data[] | select(.value != null and .value > 0)] | .[0:3][] | "  \(.month) sex \(.sex) \(.age_group) \(.nationality): \(.value)"' <<< "$TABLE"
jq -r '[.data[] | select(.status == "suppressed")] | .[0:2][] | "  \(.month) sex \(.sex) \(.age_group) \(.nationality): suppressed"' <<< "$TABLE"
jq -e '[.data[] | select(.value != null and .value > 0 and .value < 5)] | length == 0' <<< "$TABLE" > /dev/null || fail "a small cell was published"
jq -e '[.data[] | select(.status == "suppressed")] | length > 0' <<< "$TABLE" > /dev/null || fail "nothing was suppressed"
status=$(curl -sS -o /dev/null -w '%{http_code}' "$BASE_URL$C/beneficiaries" -H "Authorization: Bearer $STATE_TOKEN")
[[ $status == 403 ]] || fail "the government read people: $status"

printf '\nThe main job works, end to end.\n'
