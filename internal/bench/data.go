package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fold"
)

// world is what was loaded: the people to ask for.
type world struct {
	Centres []uuid.UUID
	Crowded uuid.UUID     // a centre whose people come later; see crowd
	People  [][]uuid.UUID // by centre
	Staff   uuid.UUID     // a user who works in every centre
	Office  uuid.UUID     // the organisation that runs them
	Partner uuid.UUID     // an organisation that receives referrals
	State   uuid.UUID     // a government's
	start   time.Time     // of the first registration

	staffToken, networkToken, partnerToken, stateToken string

	sent atomic.Int64 // referrals that were acknowledged
}

var (
	givenNames  = []string{"Mamadou", "Ibrahima", "Ousmane", "Moussa", "Abdoulaye", "Fatoumata", "Aminata", "Kadiatou", "Mariama", "Hawa", "Sékou", "Cheick", "Boubacar", "Amadou", "Lamine", "Alpha", "Bakary", "Issa", "Souleymane", "Seydou", "Emeka", "Patrick", "Serge", "Alain", "Oumou", "Aïssata", "Binta", "Rokia", "Salimata", "Djeneba"}
	familyNames = []string{"Diallo", "Barry", "Bah", "Sow", "Camara", "Keïta", "Touré", "Traoré", "Coulibaly", "Konaté", "Diarra", "Sidibé", "Condé", "Cissé", "Sylla", "Doumbia", "Kourouma", "Ndiaye", "Diop", "Fall", "Jallow", "Ceesay", "Sesay", "Kamara", "Okafor", "Eze", "Bello", "Usman", "Kamga", "Fotso", "Njoya", "Mbarga", "Abdullahi", "Adeyemi", "Konan", "Kouassi", "Ouédraogo", "Sawadogo", "Maïga", "Cissoko"}
	countries   = []string{"GIN", "MLI", "CMR", "NGA", "SEN", "NER", "GMB", "CIV", "SLE", "TCD", "BFA", "SDN"}
)

// load fills the database with people, as the owner and without triggers: their rows, their search
// keys and their counts are written as the triggers would have.
func load(ctx context.Context, url string, centres, people int) (*world, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	w := &world{start: time.Date(2024, 1, 1, 8, 0, 0, 0, time.UTC), Staff: db.NewID(), Office: db.NewID(), Partner: db.NewID(), State: db.NewID()}
	if err := w.found(ctx, conn, centres); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same people every time
	for i, centre := range w.Centres {
		ids, err := w.settle(ctx, conn, random, centre, i, people/centres, plainName)
		if err != nil {
			return nil, err
		}
		w.People = append(w.People, ids)
	}
	err = run(ctx, conn, append(derived(w.Centres...),
		// One referral a person, under the person's id, for the partner to acknowledge.
		fmt.Sprintf(`insert into referrals (centre_id, id, version, created_at, updated_at, direction, number, status, priority, organisation_id, reasons, services, origin,
				beneficiary_id, client_mode, client_code, snapshot, consent_id, sent_at, acknowledge_due_at, decision_due_at, expires_at, feedback_days, access_days)
			select centre_id, id, 1, now(), now(), 'outbound', 'R-' || upper(substr(md5(id::text), 1, 12)), 'sent', 'normal', '%s', '{health_nutrition}', '{health.consultation}',
				'{"centre": "Centre", "code": "C", "country": "NER"}', id, 'coded', substr(md5(id::text), 1, 8), '{}', gen_random_uuid(), now(), now() + interval '2 days',
				now() + interval '14 days', now() + interval '4 days', 14, 30 from beneficiaries`, w.Partner),
		"set session_replication_role = default",
		"vacuum (analyze)",
	)...)
	return w, err
}

// derived makes what triggers would have made of the people of centres: search keys, figures.
func derived(centres ...uuid.UUID) []string {
	ids := make([]string, len(centres))
	for i, id := range centres {
		ids[i] = "'" + id.String() + "'"
	}
	here := "centre_id in (" + strings.Join(ids, ",") + ")"
	return []string{
		`insert into beneficiary_keys (centre_id, key, beneficiary_id) select distinct centre_id,
			unnest(search_keys || duplicate_blocks(search_keys, birth_date, birth_date_precision, nationalities)) as key, id from beneficiaries where ` + here + " order by 1, 2, 3",
		"select setval(format('numbering.%I', 'beneficiary_' || replace(centre_id::text, '-', '')), 2000000) from (select distinct centre_id from beneficiaries where " + here + ") filled",
		`insert into stat_registrations (centre_id, month, sex, age_group, nationality, population_type, n)
			select centre_id, stat_month(registered_on), sex, stat_age_group(birth_date, registered_on), coalesce(nationalities[1], 'unknown'), population_type, count(*)
			from beneficiaries where ` + here + " group by 1, 2, 3, 4, 5, 6",
	}
}

func run(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// crowd fills the crowded centre, whose procedures have registrations checked for duplicates.
func (w *world) crowd(ctx context.Context, url string, people int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := run(ctx, conn, "set session_replication_role = replica", "set work_mem = '512MB'"); err != nil {
		return err
	}
	if _, err := w.settle(ctx, conn, rand.New(rand.NewPCG(3, 4)), w.Crowded, 99, people, fullName); err != nil {
		return err
	}
	return run(ctx, conn, append(derived(w.Crowded), "set session_replication_role = default", "vacuum (analyze)", "checkpoint")...)
}

// plainName is one given and one family name: 1,200 names in all.
func plainName(random *rand.Rand) (given, family string) {
	return givenNames[random.IntN(len(givenNames))], familyNames[random.IntN(len(familyNames))]
}

// fullName has a second given name: 36,000 names in all, so that a million people share each with 27 others.
func fullName(random *rand.Rand) (given, family string) {
	given, family = plainName(random)
	return given + " " + givenNames[random.IntN(len(givenNames))], family
}

func (w *world) found(ctx context.Context, conn *pgx.Conn, centres int) error {
	if _, err := conn.Exec(ctx, `insert into organisations (id, version, created_at, updated_at, name, type)
		values ($1, 1, now(), now(), 'Network office', 'un'), ($2, 1, now(), now(), 'Clinic', 'ngo'), ($3, 1, now(), now(), 'Statistics office', 'government')`,
		w.Office, w.Partner, w.State); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "insert into users (id, version, created_at, updated_at, organisation_id, email, name) values ($1, 1, now(), now(), $2, 'bench@demo.example', 'Bench')", w.Staff, w.Office); err != nil {
		return err
	}
	for i := range centres + 1 {
		id := db.NewID()
		code := "C" + string(rune('A'+i/26)) + string(rune('A'+i%26))
		if _, err := conn.Exec(ctx, `insert into centres (id, version, created_at, updated_at, organisation_id, code, name, country, time_zone, languages, typologies, phase, management_model)
			values ($1, 1, now(), now(), $2, $3, $3, 'NER', 'Africa/Niamey', '{fr}', '{shelter}', 'management', 'iom_managed')`, id, w.Office, code); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "insert into members (centre_id, id, version, created_at, updated_at, user_id, role, starts_on) values ($1, $2, 1, now(), now(), $3, 'caseworker', '2024-01-01')", id, db.NewID(), w.Staff); err != nil {
			return err
		}
		if err := w.proceed(ctx, conn, id, i == centres); err != nil {
			return err
		}
		w.Centres = append(w.Centres, id)
	}
	w.Centres, w.Crowded = w.Centres[:centres], w.Centres[centres]
	_, err := conn.Exec(ctx, "set session_replication_role = replica")
	return err
}

// proceed gives a centre its procedures. All but one look for no duplicates at registration: the reference
// server does not, and the scenario registers the same names again and again. The one that looks queues what it
// finds and refuses nobody.
func (w *world) proceed(ctx context.Context, conn *pgx.Conn, centreID uuid.UUID, look bool) error {
	policy := centre.DefaultPolicy()
	policy.Registration.Duplicates.Check, policy.Registration.Duplicates.Likely = look, 1.01
	_, err := conn.Exec(ctx, "insert into sops (centre_id, id, version, created_at, updated_at, number, title, status, policy) values ($1, $2, 1, now(), now(), 1, 'SOP', 'active', $3)", centreID, db.NewID(), policy)
	return err
}

func (w *world) settle(ctx context.Context, conn *pgx.Conn, random *rand.Rand, centre uuid.UUID, number, people int, named func(*rand.Rand) (given, family string)) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, people)
	columns := []string{"centre_id", "id", "version", "created_at", "updated_at", "reference", "registration_level", "registered_on", "reception_on",
		"given_name", "family_name", "sex", "birth_date", "birth_date_precision", "population_type", "nationalities", "languages", "source", "basis", "search_name", "search_keys"}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{"beneficiaries"}, columns, pgx.CopyFromSlice(people, func(i int) ([]any, error) {
		ids[i] = db.NewID()
		given, family := named(random)
		name := given + " " + family
		keys := []string{}
		for _, k := range namekey.Keys(name) {
			keys = append(keys, "n:"+k)
		}
		at := w.start.Add(time.Duration(i%10_000) * time.Minute * 50)
		born := time.Date(1960+random.IntN(60), time.Month(1+random.IntN(12)), 1+random.IntN(28), 0, 0, 0, 0, time.UTC)
		if born.After(at) {
			born = at.AddDate(-1, 0, 0)
		}
		return []any{centre, ids[i], int64(1), at, at, fmt.Sprintf("B%02d-%06d", number, i+1), "basic", at, at,
			given, family, []string{"1", "1", "1", "2"}[random.IntN(4)], born, "day", "migrant", []string{countries[random.IntN(len(countries))]}, []string{"fr"},
			"import", "consent", fold.Key(name), keys}, nil
	}))
	return ids, err
}
