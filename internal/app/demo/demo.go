// Package demo fills an empty database with the demonstration: a network of four centres on the
// Niger corridor, its staff, partners and systems, and the people of a synthetic registration sheet.
// Everything goes through the API, as any caller's work does.
package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/demo"
)

// Password signs every member of the demonstration's staff in. It opens nothing but the demonstration.
const Password = "camel-caravan-to-Bilma-7"

// Secrets of the demonstration's systems, by client id.
const (
	partnerSecret    = "wss_demonstration-partner-espoir"
	clinicSecret     = "wss_demonstration-partner-sabou"
	governmentSecret = "wss_demonstration-government-statistics"
)

// id numbers what the demonstration creates, so that documentation can name it.
func id(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("01980000-0000-7000-8000-%012d", n))
}

// Centre is one of the four centres.
type Centre struct {
	ID                               uuid.UUID
	Code, Slug, Name, Pcode, Primary string
	Typologies                       []string
	Capacity                         int
	Latitude, Longitude              float64
}

// Centres are the demonstration's, with the P-codes of their departments (OCHA COD-AB).
var Centres = []Centre{
	{id(101), "AGZ", "agadez", "Centre de transit Agadez", "NE001006", "shelter", []string{"shelter", "multifunctional"}, 1000, 16.97, 7.99},
	{id(102), "ARL", "arlit", "Centre de transit Arlit", "NE001002", "shelter", []string{"shelter", "information_resource"}, 500, 18.74, 7.39},
	{id(103), "DRK", "dirkou", "Centre de transit Dirkou", "NE001003", "shelter", []string{"shelter"}, 300, 19.0, 12.9},
	{id(104), "NIA", "niamey", "Centre Niamey (cas vulnérables)", "NE008001", "other", []string{"other", "shelter"}, 250, 13.51, 2.11},
}

// Client is another system that the demonstration knows.
type Client struct {
	ID           uuid.UUID
	Organisation uuid.UUID
	Name, Secret string
	Scopes       []string
}

// The organisations.
var (
	iom        = id(1)
	government = id(2)
	espoir     = id(3)
	sabou      = id(4)
)

// Clients are the two partners' systems and the government's.
var Clients = []Client{
	{id(201), espoir, "Espoir case system", partnerSecret, []string{"partner:referrals", "partner:services", "partner:webhooks", "codelists:read"}},
	{id(202), sabou, "Clinique Sabou", clinicSecret, []string{"partner:referrals", "partner:services", "codelists:read"}},
	{id(203), government, "National statistics", governmentSecret, []string{"stats:read", "codelists:read"}},
}

// Seed fills the database, unless it has been done. Several processes may try at once.
func Seed(ctx context.Context, a *app.App) error {
	return exclusively(ctx, a, func() error {
		filled, err := state(ctx, a)
		if err != nil || filled {
			return err
		}
		start := time.Now()
		s := &seeder{ctx: ctx, app: a}
		if err := s.all(); err != nil {
			return fmt.Errorf("demonstration: %w", err)
		}
		slog.Info("the demonstration is ready", "took", time.Since(start).Round(time.Millisecond))
		return nil
	})
}

// state tells that there is nothing to do: the demonstration is complete, or the database belongs
// to somebody else's centres. A demonstration that was interrupted goes on: each step may be repeated.
func state(ctx context.Context, a *app.App) (filled bool, err error) {
	last := Centres[len(Centres)-1].ID
	var foreign, complete bool
	err = a.DB.InTx(ctx, system, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select exists (select 1 from centres where id < ? or id > ?)", Centres[0].ID, last).Scan(&foreign).Error
	})
	if err != nil || foreign {
		return foreign, err
	}
	scope := system
	scope.Centres = []uuid.UUID{last}
	err = a.DB.InTx(ctx, scope, func(ctx context.Context) error {
		return db.Tx(ctx).Raw("select exists (select 1 from imports where centre_id = ? and status = 'completed')", last).Scan(&complete).Error
	})
	return complete, err
}

var system = db.Scope{ActorKind: string(auth.System), Operation: "seed", RequestID: "seed", Network: true}

// exclusively holds a lock of the database, so that one process seeds and the others wait.
func exclusively(ctx context.Context, a *app.App, do func() error) error {
	conn, err := a.DB.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock(7261)"); err != nil {
		return err
	}
	defer conn.Conn().Close(context.Background()) // ends the lock and the settings with it
	return do()
}

// seeder calls the API as whoever is signed in.
type seeder struct {
	ctx   context.Context
	app   *app.App
	token string
}

func (s *seeder) all() error {
	for !s.app.Revocations.Healthy() { // nobody is recognised until the feed of sign-outs has been heard
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	operator, err := s.operator()
	if err != nil {
		return err
	}
	for _, step := range []func() error{s.organisations, s.centres, s.staff, s.clients, s.agreements, s.procedures, s.reception, s.people} {
		if err := s.as(operator); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// operator is the network's first user: the only one that nobody could have added.
func (s *seeder) operator() (auth.Principal, error) {
	p := auth.Principal{Kind: auth.User, ID: id(301), NetworkRoles: []string{"platform_operator"}}
	err := s.app.DB.InTx(s.ctx, system, func(ctx context.Context) error {
		return db.Tx(ctx).Exec(`insert into users (id, version, created_at, updated_at, email, name, language, network_roles)
			values (?, 1, now(), now(), 'platform_operator@demo.example', 'Platform operator', 'en', '{platform_operator}') on conflict do nothing`, p.ID).Error
	})
	return p, err
}

func (s *seeder) as(p auth.Principal) (err error) {
	s.token, err = s.app.Issuer.Mint(p, time.Hour, time.Now())
	return err
}

func (s *seeder) asStaff(c Centre, role string) error {
	return s.as(auth.Principal{Kind: auth.User, ID: staffID(c, role), OrganisationID: iom, Centres: map[uuid.UUID][]string{c.ID: {role}}})
}

func (s *seeder) organisations() error {
	for _, o := range []map[string]any{
		{"id": iom, "name": "IOM Niger", "type": "un", "country": "NER"},
		{"id": government, "name": "Institut national de la statistique", "type": "government", "country": "NER"},
		{"id": espoir, "name": "ONG Espoir du Sahel", "type": "ngo", "country": "NER", "email": "contact@espoir.example"},
		{"id": sabou, "name": "Clinique Sabou", "type": "health_facility", "country": "NER", "email": "accueil@sabou.example"},
	} {
		if _, err := s.post("/v1/organisations", o); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) centres() error {
	for _, c := range Centres {
		_, err := s.post("/v1/centres", map[string]any{
			"id": c.ID, "code": c.Code, "name": c.Name, "organisation_id": iom, "country": "NER", "pcode": c.Pcode,
			"latitude": c.Latitude, "longitude": c.Longitude, "time_zone": "Africa/Niamey", "languages": []string{"fr", "ha", "en"},
			"typologies": c.Typologies, "primary_typology": c.Primary, "capacity": c.Capacity,
			"phase": "management", "management_model": "iom_managed",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// staffRoles are the roles that a centre gives, in the order of the code list.
func staffRoles() []codelist.Entry {
	list, _ := codelist.Get("staff_role")
	var roles []codelist.Entry
	for _, e := range list.Entries {
		if e.Extra["level"] == "centre" {
			roles = append(roles, e)
		}
	}
	return roles
}

func staffID(c Centre, role string) uuid.UUID {
	for i, e := range staffRoles() {
		if e.Code == role {
			return id(1000 + 100*int(c.ID[15]&0x0f) + i)
		}
	}
	return uuid.Nil
}

// staff adds one person per role and centre: caseworker.agadez@demo.example, and the network's office.
func (s *seeder) staff() error {
	for _, c := range Centres {
		for _, role := range staffRoles() {
			person := staffID(c, role.Code)
			email := role.Code + "." + c.Slug + "@demo.example"
			name := role.Labels["fr"] + " " + strings.ToUpper(c.Slug[:1]) + c.Slug[1:]
			if err := s.person(person, email, name, &c.ID); err != nil {
				return err
			}
			if _, err := s.post("/v1/centres/"+c.ID.String()+"/members", map[string]any{"user_id": person, "role": role.Code, "starts_on": "2026-01-05"}); err != nil {
				return err
			}
		}
	}
	officer := id(302)
	if err := s.person(officer, "network_officer@demo.example", "Bureau régional", nil); err != nil {
		return err
	}
	return s.app.DB.InTx(s.ctx, system, func(ctx context.Context) error { // nobody has to choose a password first
		if err := db.Tx(ctx).Exec("update users set network_roles = '{network_officer}', version = version + 1 where id = ?", officer).Error; err != nil {
			return err
		}
		return db.Tx(ctx).Exec(`update users set password_temporary = false, password_until = null,
			password_hash = (select password_hash from users where id = ?) where email like '%@demo.example'`, officer).Error
	})
}

func (s *seeder) person(who uuid.UUID, email, name string, home *uuid.UUID) error {
	user := map[string]any{"id": who, "email": email, "name": name, "language": "fr", "organisation_id": iom}
	if home != nil {
		user["home_centre_id"] = home
	} else {
		user["temporary_password"] = Password
	}
	if _, err := s.post("/v1/users", user); err != nil {
		return err
	}
	_, err := s.post("/v1/users/"+who.String()+"/trainings", map[string]any{"training": "code_of_conduct", "completed_on": "2026-01-05"})
	return err
}

func (s *seeder) clients() error {
	for _, c := range Clients {
		if _, err := s.post("/v1/api-clients", map[string]any{"id": c.ID, "organisation_id": c.Organisation, "name": c.Name, "scopes": c.Scopes}); err != nil {
			return err
		}
		err := s.app.DB.InTx(s.ctx, system, func(ctx context.Context) error { // a secret that documentation can name
			return db.Tx(ctx).Exec("update api_clients set secret_hash = ? where id = ?", auth.HashSecret(c.Secret), c.ID).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// agreements put into force what the network agreed with its partners: without one nobody is named to them.
func (s *seeder) agreements() error {
	for _, partner := range []uuid.UUID{espoir, sabou} {
		made, err := s.post("/v1/agreements", map[string]any{
			"organisation_id": partner, "purpose": "Services for people whom centres refer", "sensitivity_ceiling": "sensitive", "retention_days": 365,
			"fields":   []string{"given_name", "family_name", "nationalities", "languages", "phone", "background"},
			"channels": []string{"api", "phone", "in_person"}, "breach_contact": map[string]any{"office": "Data protection desk"}, "starts_on": "2026-01-01",
		})
		if err != nil {
			return err
		}
		if _, err := s.post("/v1/agreements/"+made["id"].(string)+"/activate", nil); err != nil {
			return err
		}
	}
	return nil
}

// procedures puts a first SOP in force in each centre: drafted by the manager, activated by the administrator.
func (s *seeder) procedures() error {
	for _, c := range Centres {
		at := "/v1/centres/" + c.ID.String() + "/sops"
		if err := s.asStaff(c, "centre_manager"); err != nil {
			return err
		}
		draft, err := s.post(at, map[string]any{"title": "SOP " + c.Code, "policy": map[string]any{"consent_statements": consentStatements}})
		if err != nil {
			return err
		}
		if err := s.asStaff(c, "tenant_admin"); err != nil {
			return err
		}
		if _, err := s.post(at+"/"+draft["id"].(string)+"/activate", nil); err != nil {
			return err
		}
	}
	return nil
}

var consentStatements = []map[string]any{
	{"version": "2026-1", "language": "fr", "text": "Nous notons vos données pour vous aider. Vous pouvez refuser ou changer d’avis à tout moment, sans perdre l’aide d’urgence."},
	{"version": "2026-1", "language": "en", "text": "We write down your data in order to help you. You may refuse or change your mind at any time without losing emergency help."},
	{"version": "2026-1", "language": "ar", "text": "نسجل بياناتكم لمساعدتكم. يمكنكم الرفض أو تغيير رأيكم في أي وقت دون فقدان المساعدة العاجلة."},
}

// people imports the sheet at each centre and works on the imports until they are done.
func (s *seeder) people() error {
	working, stop := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.app.Work(working) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			slog.Warn("jobs", "error", err)
		}
	}()
	for _, c := range Centres {
		if err := s.asStaff(c, "tenant_admin"); err != nil {
			return err
		}
		at := "/v1/centres/" + c.ID.String() + "/imports"
		started, err := s.send(http.MethodPost, at+"?mapping=niger-2024&mode=commit&file_name=registrations-niger-2024.csv", "text/csv", demo.RegistrationsNiger2024)
		if err != nil {
			return err
		}
		if err := s.wait(at + "/" + started["id"].(string)); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) wait(at string) error {
	for {
		job, err := s.send(http.MethodGet, at, "", nil)
		if err != nil {
			return err
		}
		switch job["status"] {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("%s: %v", at, job)
		}
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *seeder) post(path string, body any) (map[string]any, error) {
	raw := []byte(nil)
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return s.send(http.MethodPost, path, "application/json", raw)
}

// send calls the API inside this process.
func (s *seeder) send(method, path, mediaType string, body []byte) (map[string]any, error) {
	req, err := http.NewRequestWithContext(s.ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Idempotency-Key", fmt.Sprintf("demo-%x", sha256.Sum256(append([]byte(path), body...))))
	if len(body) > 0 {
		req.Header.Set("Content-Type", mediaType)
	}
	if strings.HasSuffix(path, "/activate") {
		req.Header.Set("If-Match", `"1"`)
	}
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	s.app.HTTP.Echo.ServeHTTP(answer, req)
	if answer.status >= 300 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, answer.status, answer.body.Bytes())
	}
	out := map[string]any{}
	return out, json.Unmarshal(answer.body.Bytes(), &out)
}

// recorder keeps an answer that never meets a socket.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
