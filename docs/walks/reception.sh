#!/usr/bin/env bash
# A day at the reception: a convoy is brought in, people are triaged, registered, completed and found again.
# Made to be read, and to be run against a server with the demonstration:  make walks BASE_URL=http://localhost:8080
# Needs curl and jq.
set -euo pipefail
. "$(dirname "$0")/lib/walk.sh"

step "1. Sign in"
DESK=$(sign_in registrar.agadez@demo.example)
WORKER=$(sign_in caseworker.agadez@demo.example)
NOW=$(date -u +%FT%TZ)

step "2. A convoy from the desert: one call, by headcount"
CONVOY=$(call "$DESK" POST "$C/rescue-events" "{\"kind\":\"desert_rescue\",\"occurred_at\":\"$NOW\",\"place\":\"Near Assamaka\",\"visits\":[{\"arrived_at\":\"$NOW\",\"access_mode\":\"always_open\",\"arrival_mode\":\"rescued\",\"headcounts\":[{\"sex\":\"1\",\"age_group\":\"unhcr_18_59\",\"persons\":9},{\"sex\":\"2\",\"age_group\":\"unhcr_18_59\",\"persons\":3},{\"sex\":\"2\",\"age_group\":\"unhcr_5_11\",\"persons\":2}]}]}")
jq -c '{kind, headcount, registered, to_register}' <<< "$CONVOY"

step "3. Someone comes by themselves and is triaged; the queue calls the most urgent first"
VISIT=$C/visits/$(call "$DESK" POST "$C/visits" "{\"headcounts\":[{\"sex\":\"2\",\"age_group\":\"unhcr_18_59\",\"persons\":1}],\"arrived_at\":\"$NOW\",\"access_mode\":\"always_open\",\"arrival_mode\":\"expelled\",\"expelled_from\":\"DZA\"}" | jq -er .id)
change "$DESK" "$VISIT/triage" '{"groups":["pregnant","physical_pain"],"eligibility":"eligible"}' | jq -c '{status, priority_band, eligibility}'
call "$DESK" GET "$C/visits/queue?limit=3" | jq -r '.data[] | "  \(.visit.priority_band): \(.visit.headcount // 1) since \(.waiting_seconds / 60 | floor) min"'

step "4. Register her: a mononym, a native spelling, an age, a consent"
PERSON=$(call "$DESK" POST "$C/beneficiaries" "{\"registration_level\":\"basic\",\"reception_on\":\"$TODAY\",\"given_name\":\"Zeinabou$RUN\",\"other_names\":[\"زينبو\"],\"sex\":\"2\",\"age\":24,\"population_type\":\"migrant\",\"nationalities\":[\"NER\"],\"languages\":[\"ha\"],\"answers\":{\"family_name\":\"declined\"},\"consent\":{\"decision\":\"given\",\"giver\":\"individual\",\"method\":\"verbal_certified\",\"certified_by\":\"R. Mahamane\",\"certified_at\":\"$NOW\",\"language\":\"ha\"}}")
jq -c '{reference, given_name, birth_date, birth_date_precision, answers}' <<< "$PERSON"
P=$C/beneficiaries/$(jq -r .id <<< "$PERSON")
change "$DESK" "$VISIT/identify" "{\"beneficiary_id\":\"${P##*/}\"}" > /dev/null
change "$DESK" "$VISIT/admit" '{}' | jq -c '{status, admitted_at}'

step "5. Complete her record, as far as she wants to tell"
call "$DESK" POST "$P/names" '{"kind":"alias","given_name":"Zeynab","script":"Latn"}' | jq -c '{kind, given_name}'
call "$DESK" POST "$P/documents" "{\"type\":\"consular_card\",\"number\":\"CC-$RUN\",\"issuing_country\":\"NER\",\"expires_on\":\"2031-01-31\"}" | jq -c '{type, number}'
call "$DESK" POST "$P/contacts" '{"kind":"phone","value":"+227 90 12 34 56","name":"Her sister","relationship":"sister","safe":"yes","safe_when":"After sunset"}' | jq -c '{kind, safe}'
call "$DESK" POST "$P/journey" '{"from_country":"DZA","from_place":"Tamanrasset","to_country":"NER","to_place":"Assamaka","mode":"truck","departed_on":"2026-10-01","departed_precision":"month"}' | jq -c '{from_country, to_country, mode, departed_precision}'
call "$WORKER" POST "$P/needs" '{"code_system":"migrant_vulnerability","code":"stranded","confidence":"self_reported"}' | jq -c '{code, confidence, sensitivity}'
call "$DESK" GET "$P/completeness" | jq -c .
call "$DESK" POST "$P/functional-difficulties" '{"answered_by":"self","levels":{"seeing":"1","hearing":"1","walking":"3","remembering":"declined","self_care":"2","communicating":"1"}}' | jq -c '{levels, reaches_cut_off}'
call "$WORKER" POST "$P/screenings" '{"factors":[{"factor":"individual.physical_health","polarity":"risk","severity":2},{"factor":"household_family.family_dynamics","polarity":"protective","severity":1}],"interview_language":"ha","interpreter_used":false}' | jq -c '{suggested_level, confirmed_level}'

step "6. A mother and her child come from a device that was offline: one call, all or nothing"
BLOCK=$(call "$DESK" POST "$C/reference-blocks" '{"label":"Tablet 3","size":2}')
consent='"consent":{"decision":"given","giver":"individual","method":"written","language":"ha"}'
FAMILY=$(call "$DESK" POST "$C/bundles" "{\"entries\":[
  {\"as\":\"\$mother\",\"path\":\"/beneficiaries\",\"body\":{\"registration_level\":\"basic\",\"reception_on\":\"$TODAY\",\"given_name\":\"Rahila$RUN\",\"family_name\":\"Abdou\",\"sex\":\"2\",\"age\":31,\"population_type\":\"migrant\",$consent}},
  {\"as\":\"\$child\",\"path\":\"/beneficiaries\",\"body\":{\"registration_level\":\"basic\",\"reception_on\":\"$TODAY\",\"given_name\":\"Ousseina$RUN\",\"family_name\":\"Abdou\",\"sex\":\"2\",\"age\":6,\"population_type\":\"migrant\",\"consent\":{\"decision\":\"given\",\"giver\":\"caregiver\",\"giver_name\":\"Rahila Abdou\",\"method\":\"written\",\"language\":\"ha\"}}},
  {\"as\":\"\$home\",\"path\":\"/households\",\"body\":{\"declared_size\":2,\"members\":[{\"beneficiary_id\":\"\$mother\",\"relationship\":\"head\"},{\"beneficiary_id\":\"\$child\",\"relationship\":\"daughter\"}]}},
  {\"path\":\"/beneficiaries/\$child/relationships\",\"body\":{\"relative_id\":\"\$mother\",\"kind\":\"parent\",\"care\":\"received\",\"primary_caregiver\":true}}]}")
jq -r '.entries[] | "  \(.as // "") \(.location)"' <<< "$FAMILY"
CHILD=$(jq -r '.entries[1].location' <<< "$FAMILY")
call "$DESK" GET "$CHILD/relationships" | jq -c '.data[0] | {kind, primary_caregiver}'

step "7. All that happened with her, and the list to take away"
call "$WORKER" GET "$P/timeline?limit=5" | jq -r '.data[] | "  \(.at) \(.resource) \(.moment)"'
call "$DESK" GET "$C/beneficiaries?reception_from=$TODAY" "" -H 'Accept: text/csv' | head -2 | cut -c1-120
# The next steps use what is behind this walk: find her again under another spelling.
call "$WORKER" GET "$C/beneficiaries?q=zeynabu$RUN&limit=1" | jq -e --arg id "${P##*/}" '.data[0].id == $id' > /dev/null || fail "she is not found under another spelling"

step "8. A card that leads staff to her record and tells nobody else anything"
CARD=$(call "$DESK" POST "$P/card" '{}')
jq -c '{status, version}' <<< "$CARD"
call "$DESK" GET "$P/card" "" -H 'Accept: image/png' | head -c 8 | od -An -c | head -1
call "$DESK" GET "$P/card" "" -H 'Accept: application/pdf' | head -c 5; echo

step "9. Her photo: re-encoded, so that it does not tell where it was taken; a link that ends by itself"
PHOTO=$(mktemp)
base64 -d > "$PHOTO" <<< 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
PICTURE=$(call "$DESK" POST "$P/attachments" "" -F kind=photo -F "file=@$PHOTO;type=image/png;filename=photo.png")
rm -f "$PHOTO"
jq -c '{kind, media_type, size}' <<< "$PICTURE"

step "10. She comes back under another spelling: the desk is told, and a supervisor merges the two records"
SUPERVISOR=$(sign_in case_supervisor.agadez@demo.example)
known="\"given_name\":\"Zeynabou$RUN\",\"sex\":\"2\",\"age\":24,\"nationalities\":[\"NER\"],\"document_number\":\"CC-$RUN\""
call "$DESK" POST "$C/duplicates/check" "{$known}" | jq -c '.data[0] | {reference, level, score, reasons: [.reasons[].evidence]}'
again="{\"registration_level\":\"basic\",\"reception_on\":\"$TODAY\",\"population_type\":\"migrant\",\"document_type\":\"consular_card\",$known,$consent"
status=$(curl -sS -o "$BODY" -w '%{http_code}' "$BASE_URL$C/beneficiaries" -H "Authorization: Bearer $DESK" -H 'Content-Type: application/json' -d "$again}")
[[ $status == 409 ]] || fail "a likely duplicate was registered: $status"
jq -c '{code, candidates: [.candidates[].beneficiary_id]}' "$BODY"
TWIN=$(call "$DESK" POST "$C/beneficiaries" "$again,\"acknowledged_duplicates\":[\"${P##*/}\"]}" | jq -er .id)
call "$SUPERVISOR" POST "$C/beneficiaries/$TWIN/merge/preview" "{\"survivor_id\":\"${P##*/}\"}" | jq -c '{differences, conflicts: [.conflicts[].kind]}'
merge() { jq -c "{survivor_id: .survivor_id, survivor_version: .survivor_version, reason: \"Registered twice\"}" <<< "$(call "$SUPERVISOR" POST "$C/beneficiaries/$TWIN/merge/preview" "{\"survivor_id\":\"${P##*/}\"}")"; }
call "$SUPERVISOR" POST "$C/beneficiaries/$TWIN/merge" "$(merge)" -H 'If-Match: "1"' | jq -c '{survivor_id, undo_until}'
TAG=$(tr -d '\r' < "$HEADERS" | awk 'tolower($1) == "etag:" { print $2 }')
status=$(curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' "$BASE_URL$C/beneficiaries/$TWIN/consents" -H "Authorization: Bearer $DESK")
[[ $status == 308*${P##*/}/consents ]] || fail "the old id does not lead on: $status"
call "$SUPERVISOR" POST "$C/beneficiaries/$TWIN/unmerge" '{"reason":"They are cousins after all"}' -H "If-Match: $TAG" | jq -c '{undone_at, undo_reason}'

printf '\nThe desk works, from the convoy to the record.\n'
