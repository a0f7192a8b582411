#!/usr/bin/env bash
# A partner's day: its system takes in referrals, answers them, sends one of its own, keeps its entry of the service map, and
# forgets what it was told when a person changes her mind. Made to be read, and to be run against a server with the
# demonstration:  make walks BASE_URL=http://localhost:8080
# Needs curl and jq.
set -euo pipefail

. "$(dirname "$0")/lib/walk.sh"

PARTNER=01980000-0000-7000-8000-000000000003          # ONG Espoir du Sahel
PARTNER_CLIENT=01980000-0000-7000-8000-000000000201 PARTNER_SECRET=${PARTNER_SECRET:-wss_demonstration-partner-espoir}
WORKER=$(sign_in caseworker.agadez@demo.example)
SYSTEM=$(client $PARTNER_CLIENT "$PARTNER_SECRET")

step "0. The evening before, the centre refers two people (see main-job.sh)"
refer() { # refer NAME: registers somebody who agrees, opens a case and sends a referral; sets PERSON and REFERRAL
  local case
  PERSON=$(call "$WORKER" POST "$C/beneficiaries" "{\"registration_level\":\"basic\",\"reception_on\":\"$TODAY\",\"population_type\":\"migrant\",\"given_name\":\"$1\",\"family_name\":\"Partenaire $RUN\",\"sex\":\"2\",\"age\":31,\"nationalities\":[\"GIN\"],\"languages\":[\"fr\"],
    \"consent\":{\"decision\":\"given\",\"giver\":\"individual\",\"method\":\"written\",\"language\":\"fr\"}}" | jq -er .id)
  for consent in '{"scope":"case_management"}' "{\"scope\":\"share_organisations\",\"recipient_ids\":[\"$PARTNER\"]}"; do
    call "$WORKER" POST "$C/beneficiaries/$PERSON/consents" "$(jq -c '. + {decision: "given", giver: "individual", method: "written", language: "fr"}' <<< "$consent")" > /dev/null
  done
  case=$(call "$WORKER" POST "$C/cases" "{\"beneficiary_id\":\"$PERSON\",\"source\":\"walk_in\",\"risk_level\":\"low\",\"owner_id\":\"$(call "$WORKER" GET /v1/me | jq -er .id)\"}" | jq -er .id)
  change "$WORKER" "$C/cases/$case/open" > /dev/null
  REFERRAL=$(call "$WORKER" POST "$C/referrals" "{\"case_id\":\"$case\",\"organisation_id\":\"$PARTNER\",\"priority\":\"normal\",\"reasons\":[\"health_nutrition\"],\"services\":[\"health.consultation\"],
    \"explanation\":\"Consultation\",\"client_mode\":\"identified\",\"disclosed_fields\":[\"given_name\",\"family_name\",\"age_group\",\"languages\"]}" | jq -er .id)
  change "$WORKER" "$C/referrals/$REFERRAL/send" > /dev/null
}
refer Mariam; FIRST=$REFERRAL FIRST_PERSON=$PERSON
refer Hawa; SECOND=$REFERRAL

step "1. What has come in: before it accepts, the partner sees what is asked and nothing of whom"
call "$SYSTEM" GET "/v1/partner/referrals?direction=outbound&status=sent&sort=-created_at&limit=2" | jq -c ".data[] | {number, status, priority, reasons}"
call "$SYSTEM" GET "/v1/partner/referrals/$FIRST" | jq -c "{preview, content}"

step "2. One is accepted with an appointment: now the frozen snapshot opens"
change "$SYSTEM" "/v1/partner/referrals/$FIRST/acknowledge" > /dev/null
change "$SYSTEM" "/v1/partner/referrals/$FIRST/accept" "{\"appointment_at\":\"$(date -u -d '+2 days' +%FT09:00:00Z 2>/dev/null || date -u -v+2d +%FT09:00:00Z)\"}" | jq -c '{number, status, appointment_at}'
call "$SYSTEM" GET "/v1/partner/referrals/$FIRST" | jq -c .content

step "3. The other is declined, with a code that the centre can count: its content stays shut"
change "$SYSTEM" "/v1/partner/referrals/$SECOND/acknowledge" > /dev/null
change "$SYSTEM" "/v1/partner/referrals/$SECOND/decline" '{"reason":"no_capacity","note":"Full this week"}' | jq -c '{number, status}'

step "4. A word both ways"
call "$SYSTEM" POST "/v1/partner/referrals/$FIRST/messages" '{"body":"Please bring the vaccination card."}' > /dev/null
call "$WORKER" POST "$C/referrals/$FIRST/messages" '{"body":"She has it with her."}' > /dev/null
call "$SYSTEM" GET "/v1/partner/referrals/$FIRST/messages" | jq -r '.data[] | "  \(.side): \(.body)"'

step "5. The partner refers somebody to the centre. The line breaks; the repeat with the same key creates nothing new"
INBOUND="{\"centre_code\":\"AGZ\",\"priority\":\"urgent\",\"reasons\":[\"shelter\"],\"services\":[\"accommodation\"],\"person\":{\"given_name\":\"Mariam\",\"family_name\":\"Partenaire $RUN\",\"sex\":\"2\"},
  \"consent\":{\"given\":true,\"statement\":\"Agreed to be referred to the centre of Agadez\",\"given_on\":\"$TODAY\"}}"
SENT=$(call "$SYSTEM" POST /v1/partner/referrals "$INBOUND" -H "Idempotency-Key: walk-$RUN")
AGAIN=$(call "$SYSTEM" POST /v1/partner/referrals "$INBOUND" -H "Idempotency-Key: walk-$RUN")
[[ $SENT == "$AGAIN" ]] || fail "the repeat answered differently"
echo "whether the centre knows her, the answer does not tell: $(jq -c 'keys' <<< "$SENT")"
NUMBER=$(jq -er .id <<< "$SENT")
call "$WORKER" GET "$C/referral-inbox/$NUMBER/matches" | jq -c '{staff_see: [.data[:2][] | {reference, score, reasons}]}'

step "6. Its own entry of the service map, and nobody else's"
SERVICE=/v1/services/$(call "$SYSTEM" POST /v1/services "{\"organisation_id\":\"$PARTNER\",\"name\":\"Consultations $RUN\",\"type\":\"health.consultation\",\"languages\":[\"fr\",\"ha\"],\"cost\":\"Free\",\"coverage_pcodes\":[\"NE001\"],\"referral_methods\":[\"email\"],\"contact_email\":\"sante@espoir.example\"}" | jq -er .id)
change "$SYSTEM" "$SERVICE" '{"status":"temporarily closed"}' PATCH | jq -c '{name, status}'
change "$SYSTEM" "$SERVICE" '{"status":"active"}' PATCH > /dev/null
change "$SYSTEM" "$SERVICE/verify" '{"note":"Hours and languages are right"}' | jq -c '{name, status, verified_at}'
status=$(curl -sS -o /dev/null -w '%{http_code}' -X POST "$BASE_URL/v1/services" -H "Authorization: Bearer $SYSTEM" -H 'Content-Type: application/json' -d '{"organisation_id":"01980000-0000-7000-8000-000000000001","name":"Not ours","type":"health.consultation"}')
[[ $status == 4* ]] || fail "a partner wrote another's entry: $status"

step "7. She changes her mind: within the same moment the referral is revoked and the partner told to forget"
call "$WORKER" POST "$C/beneficiaries/$FIRST_PERSON/consents" '{"scope":"share_organisations","decision":"withdrawn","giver":"individual","method":"written","language":"fr"}' > /dev/null
status=$(curl -sS -o /dev/null -w '%{http_code}' "$BASE_URL/v1/partner/referrals/$FIRST" -H "Authorization: Bearer $SYSTEM")
[[ $status == 404 ]] || fail "the partner still reads what was revoked: $status"
call "$SYSTEM" GET "/v1/partner/deletion-requests?confirmed=false" | jq -e --arg id "$FIRST" '[.data[] | select(.referral_id == $id)] | length == 1' > /dev/null || fail "nobody asked for the deletion"
call "$SYSTEM" POST "/v1/partner/referrals/$FIRST/confirm-deletion" > /dev/null
call "$SYSTEM" GET "/v1/partner/deletion-requests?confirmed=false" | jq -e --arg id "$FIRST" '[.data[] | select(.referral_id == $id)] | length == 0' > /dev/null || fail "the confirmation did not count"

printf '\nThe partner goes home.\n'
