# What every walk uses: where the server is, the demonstration's names, and a few words to call it by.
# shellcheck shell=bash

BASE_URL=${BASE_URL:-http://localhost:8080}
PASSWORD=${PASSWORD:-camel-caravan-to-Bilma-7}
CENTRE=01980000-0000-7000-8000-000000000101           # Centre de transit Agadez
C=/v1/centres/$CENTRE
RUN=$(date +%s)$RANDOM
TODAY=$(date +%F)

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# call TOKEN METHOD PATH [JSON] [curl options]: prints the body; leaves the ETag in $HEADERS. Anything but 2xx ends the walk.
HEADERS=$(mktemp) BODY=$(mktemp)
trap 'rm -f "$HEADERS" "$BODY"' EXIT
call() {
  local token=$1 method=$2 path=$3 json=${4:-}
  shift $(($# > 4 ? 4 : $#))
  local status
  status=$(curl -sS -o "$BODY" -D "$HEADERS" -w '%{http_code}' -X "$method" "$BASE_URL$path" \
    -H "Authorization: Bearer $token" ${json:+-H "Content-Type: ${TYPE:-application/json}" -d "$json"} "$@")
  [[ $status == 2* ]] || fail "$method $path answered $status: $(cat "$BODY")"
  cat "$BODY"
}
# change TOKEN PATH [JSON] [METHOD]: reads the version first, then changes exactly that version.
change() {
  local token=$1 path=$2 json=${3:-} method=${4:-POST} resource=$2 TYPE=application/json tag
  [[ $method == POST ]] && resource=${path%/*}
  [[ $method == PATCH ]] && TYPE=application/merge-patch+json
  call "$token" GET "$resource" > /dev/null
  tag=$(tr -d '\r' < "$HEADERS" | awk 'tolower($1) == "etag:" { print $2 }')
  call "$token" "$method" "$path" "$json" -H "If-Match: $tag"
}
sign_in() {
  curl -sS "$BASE_URL/v1/auth/sign-in" -H 'Content-Type: application/json' -d "{\"email\":\"$1\",\"password\":\"$PASSWORD\"}" | jq -er .access_token
}
client() {
  curl -sS "$BASE_URL/v1/oauth/token" -u "$1:$2" -d grant_type=client_credentials | jq -er .access_token
}
