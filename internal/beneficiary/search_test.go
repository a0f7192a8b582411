package beneficiary_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/db"
)

// names returns the full names that a search answers, the best first.
func names(h *apptest.House, p apptest.Person, query string) []string {
	h.T.Helper()
	r := h.Call(p, "GET", people(h)+"?"+query, nil).Want(200)
	var out []string
	previous := 2.0
	for i := range r.Len("data") {
		out = append(out, strings.TrimSpace(r.Text("data", i, "given_name")+" "+r.Text("data", i, "family_name")))
		score, _ := r.Value("data", i, "score").(float64)
		if score <= 0 || score > 1 || score > previous {
			h.T.Errorf("%s: score %v after %v", query, score, previous)
		}
		previous = score
	}
	return out
}

func TestSearch_FindsANameHoweverItIsWritten(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	for _, name := range []string{"Mamadou Diallo", "Mamadou Sow", "Fatoumata Jalloh", "محمد أحمد", "Keïta Ibrahima", "Oumar Ba", "Abdoul Aziz Camara"} {
		given, family, _ := strings.Cut(name, " ")
		register(h, p, body{"given_name": given, "family_name": family})
	}
	for words, first := range map[string]string{
		"Jallow Mamadu": "Mamadou Diallo", "diallo mamadou": "Mamadou Diallo", "MAMADOU DJALLO": "Mamadou Diallo", "Mamado": "Mamadou",
		"Mohamed Ahmad": "محمد أحمد", "keita": "Keïta Ibrahima", "Ebrima Kayta": "Keïta Ibrahima", "Umar Bah": "Oumar Ba",
		"Kamara Abdelaziz": "Abdoul Aziz Camara", "Fatumata Diallo": "Fatoumata Jalloh", "Camarra": "Abdoul Aziz Camara", "Fatouma": "Fatoumata Jalloh",
	} {
		got := names(h, p, "q="+url.QueryEscape(words))
		if len(got) == 0 || !strings.HasPrefix(got[0], first) {
			t.Errorf("%s finds %v, want %s first", words, got, first)
		}
	}
	for _, words := range []string{"Zzzyx", "....", "😀😀😀", "%%%", "___", "'; drop table beneficiaries"} {
		if got := names(h, p, "q="+url.QueryEscape(words)); len(got) != 0 {
			t.Errorf("%s finds %v", words, got)
		}
	}
	if got := names(h, p, "q=Mamadou&limit=1"); len(got) != 1 {
		t.Errorf("limit 1 answers %v", got)
	}
	if got := names(h, p, "q=Mamadou&sex=2"); len(got) != 0 {
		t.Errorf("a filter lets through %v", got)
	}
}

func TestSearch_FindsExactlyByReferenceDocumentAndTelephone(t *testing.T) {
	h := apptest.New(t)
	p := h.Staff(h.CentreA, "registrar")
	at := register(h, p, body{"given_name": "Awa", "family_name": "Cissé", "document_type": "passport", "document_number": "ML 123-456", "phone": "+223 76 12 34 56"}).Header.Get("Location")
	register(h, p, body{"given_name": "Other", "family_name": "Person", "document_number": "ML999999", "phone": "76000000"})
	for _, words := range []string{"AGZ-000001", "agz-000001", "ml123456", "ML-123456", "0022376123456", "76 12 34 56", "٧٦١٢٣٤٥٦"} {
		if got := names(h, p, "q="+url.QueryEscape(words)); len(got) == 0 || got[0] != "Awa Cissé" {
			t.Errorf("%s finds %v", words, got)
		}
	}
	h.Call(p, "PATCH", at, body{"phone": nil, "family_name": "Traoré"}, apptest.IfMatch(`"1"`)).Want(200)
	if got := names(h, p, "q=76123456"); len(got) != 0 {
		t.Errorf("a telephone that was taken away finds %v", got)
	}
	if got := names(h, p, "q=Traore"); len(got) != 1 {
		t.Errorf("the new name finds %v", got)
	}
	if got := names(h, p, "q=Sisse"); len(got) != 0 {
		t.Errorf("the old name finds %v", got)
	}
	h.Call(p, "POST", at+"/void", body{"reason": "x"}, apptest.IfMatch(`"2"`)).Want(200)
	if got := names(h, p, "q=Traore"); len(got) != 0 {
		t.Errorf("a void record is found: %v", got)
	}
}

// crowd fills both centres with people, past triggers and HTTP.
func crowd(h *apptest.House, n int) {
	h.T.Helper()
	given := strings.Fields("Mamadou Fatoumata Ibrahima Aminata Moussa Aïssatou Ousmane Mariama Abdoulaye Kadiatou Sékou Hawa Alpha Oumou Boubacar Ramata Lansana Djénabou Cheick Bintou")
	family := strings.Fields("Diallo Camara Traoré Keïta Coulibaly Touré Bah Barry Sow Sylla Cissé Condé Konaté Diarra Sidibé Koné Sangaré Dembélé Fofana Kouyaté")
	conn, err := h.Owner.Acquire(context.Background())
	if err != nil {
		h.T.Fatal(err)
	}
	defer conn.Release()
	var rows [][]any
	var keys [][]any
	for i := range n {
		name := given[i%len(given)] + " " + given[(i/7)%len(given)] + " " + family[(i/3)%len(family)]
		id, centre := db.NewID(), h.CentreA
		if i%10 == 0 {
			centre = h.CentreB
		}
		at := time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
		rows = append(rows, []any{centre, id, int64(1), at, at, fmt.Sprintf("X-%06d", i), "basic", at, at, given[i%len(given)], family[(i/3)%len(family)], "1", "migrant", "api", "consent", strings.ToLower(name)})
		for _, k := range namekey.Keys(name) {
			keys = append(keys, []any{centre, "n:" + k, id})
		}
	}
	for _, sql := range []string{"set session_replication_role = replica"} {
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			h.T.Fatal(err)
		}
	}
	columns := strings.Split("centre_id,id,version,created_at,updated_at,reference,registration_level,registered_on,reception_on,given_name,family_name,sex,population_type,source,basis,search_name", ",")
	if _, err := conn.CopyFrom(context.Background(), pgx.Identifier{"beneficiaries"}, columns, pgx.CopyFromRows(rows)); err != nil {
		h.T.Fatal(err)
	}
	if _, err := conn.CopyFrom(context.Background(), pgx.Identifier{"beneficiary_keys"}, []string{"centre_id", "key", "beneficiary_id"}, pgx.CopyFromRows(keys)); err != nil {
		h.T.Fatal(err)
	}
	for _, sql := range []string{"reset session_replication_role", "analyze beneficiaries", "analyze beneficiary_keys"} {
		if _, err := conn.Exec(context.Background(), sql); err != nil {
			h.T.Fatal(err)
		}
	}
}

// plans runs statements as the product does, in the scope of centre A, and returns how PostgreSQL
// went about them, those inside functions included.
func plans(h *apptest.House, sql string, args ...any) string {
	h.T.Helper()
	ctx := context.Background()
	cfg := h.Owner.Config().ConnConfig.Copy()
	var seen strings.Builder
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { seen.WriteString(n.Message + "\n") }
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		h.T.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, set := range []string{"load 'auto_explain'", "set auto_explain.log_min_duration = 0", "set auto_explain.log_nested_statements = on", "set client_min_messages = log",
		"set role waystation_app", "set app.centre_ids = '" + h.CentreA.String() + "'"} {
		if _, err := conn.Exec(ctx, set); err != nil {
			h.T.Fatal(err)
		}
	}
	seen.Reset()
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		h.T.Fatal(err)
	}
	rows.Close()
	if rows.Err() != nil {
		h.T.Fatal(rows.Err())
	}
	return seen.String()
}

const searchSQL = `select * from search_beneficiaries(array[$1]::uuid[], $2, $3, $4, $5, 5, 500)`

func TestSearch_UsesItsIndexes(t *testing.T) {
	h := apptest.New(t)
	crowd(h, 6_000)
	heard := plans(h, searchSQL, h.CentreA, "DIALLO", []string{"d:diallo"}, []string{"n:JL"}, "diallo")
	if !strings.Contains(heard, "beneficiary_keys_pkey") || !strings.Contains(heard, "beneficiaries_reference_key") || strings.Contains(heard, "Seq Scan on beneficiar") {
		t.Errorf("by sound:\n%s", heard)
	}
	alike := plans(h, searchSQL, h.CentreA, "DIALOUMAD", []string{}, []string{"n:XXX"}, "dialoumad")
	if !strings.Contains(alike, "Bitmap Index Scan on beneficiaries_search_name") || strings.Contains(alike, "Seq Scan on beneficiar") {
		t.Errorf("by spelling:\n%s", alike)
	}
}

func TestSearch_KeepsToTheScopeWhicheverCentresAreAsked(t *testing.T) {
	h := apptest.New(t)
	crowd(h, 200)
	ctx := context.Background()
	err := h.App.DB.InTx(ctx, db.Scope{Centres: []uuid.UUID{h.CentreA}, ReadOnly: true}, func(ctx context.Context) error {
		var there, here int
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		count := "select count(*) from (" + searchSQL + ") found"
		if err := tx.QueryRow(ctx, count, h.CentreB, "", []string{}, []string{"n:JL"}, "diallo").Scan(&there); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, count, h.CentreA, "", []string{}, []string{"n:JL"}, "diallo").Scan(&here); err != nil {
			return err
		}
		if there != 0 || here == 0 {
			t.Errorf("%d found elsewhere, %d here", there, here)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var member, definer bool
	var owner, sees string
	h.Scan("select pg_has_role('waystation_app', 'waystation_search', 'member')", nil, &member)
	h.Scan("select prosecdef, proowner::regrole::text from pg_proc where proname = 'search_beneficiaries'", nil, &definer, &owner)
	h.Scan("select string_agg(table_name || '.' || column_name, ' ' order by table_name, column_name) from information_schema.column_privileges where grantee = 'waystation_search'", nil, &sees)
	if member || !definer || owner != "waystation_search" {
		t.Errorf("member %v, definer %v, owner %s", member, definer, owner)
	}
	if want := "beneficiaries.birth_date beneficiaries.birth_date_precision beneficiaries.centre_id beneficiaries.id beneficiaries.nationalities beneficiaries.reference beneficiaries.search_keys beneficiaries.search_name beneficiaries.sex beneficiaries.status " +
		"beneficiary_keys.beneficiary_id beneficiary_keys.centre_id beneficiary_keys.key " +
		"household_members.beneficiary_id household_members.centre_id household_members.household_id household_members.left_on " +
		// those whom a running import has read, the same columns, until it ends
		"import_people.birth_date import_people.birth_date_precision import_people.centre_id import_people.household_id import_people.id import_people.import_id import_people.line import_people.nationalities " +
		"import_people.search_keys import_people.search_name import_people.sex import_people_keys.centre_id import_people_keys.import_id import_people_keys.key import_people_keys.person_id"; sees != want {
		t.Errorf("the search sees %s", sees)
	}
}

func TestList_UsesAnIndexForEverySort(t *testing.T) {
	h := apptest.New(t)
	crowd(h, 6_000)
	for sort, index := range map[string]string{
		"created_at": "beneficiaries_created", "registered_on": "beneficiaries_registered", "reference": "beneficiaries_reference_key", "family_name": "beneficiaries_family_name",
	} {
		plan := plans(h, "select * from beneficiaries where status = 'active' and centre_id = $1 order by "+sort+" desc, id desc limit 51", h.CentreA)
		if !strings.Contains(plan, "using "+index) {
			t.Errorf("%s:\n%s", sort, plan)
		}
	}
	// Those that have ended are few among many: they have an index of their own.
	if plan := plans(h, "select * from beneficiaries where status = 'void' and centre_id = $1 order by created_at desc, id desc limit 51", h.CentreA); !strings.Contains(plan, "using beneficiaries_ended") {
		t.Errorf("ended:\n%s", plan)
	}
}
