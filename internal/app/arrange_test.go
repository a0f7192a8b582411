package app_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
)

// arranged is one centre with one of everything that a path below it can name.
type arranged struct {
	centre uuid.UUID
	staff  apptest.Person       // with every role there
	ids    map[string]uuid.UUID // by the words of the path: "cases/plans"
}

// arrange makes one of everything through the API, as callers do.
func arrange(h *apptest.House, centre uuid.UUID, partner apptest.Person, partnerOrganisation uuid.UUID) arranged {
	a := arranged{centre: centre, staff: h.Staff(centre, centreRoles()...), ids: map[string]uuid.UUID{}}
	c := "/v1/centres/" + centre.String()
	post := func(key, path string, body any, headers ...apptest.Header) *apptest.Response {
		h.T.Helper()
		r := h.Call(a.staff, "POST", c+path, body, headers...)
		if r.Status != 200 && r.Status != 201 && r.Status != 202 {
			h.T.Fatalf("%s: %d %s", path, r.Status, r.Raw)
		}
		if key != "" {
			a.ids[key] = r.ID()
		}
		return r
	}
	register := func(name string) uuid.UUID {
		return post("", "/beneficiaries", map[string]any{
			"registration_level": "basic", "reception_on": "2026-03-01", "given_name": name, "family_name": "Diallo", "sex": "2", "age": 27,
			"population_type": "migrant", "nationalities": []string{"GIN"},
			"consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
		}).ID()
	}
	person, other := register("Aïssatou"), register("Fanta")
	a.ids["beneficiaries"] = person
	p := "/beneficiaries/" + person.String()
	post("beneficiaries/needs", p+"/needs", map[string]any{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"})
	post("beneficiaries/names", p+"/names", map[string]any{"kind": "nickname", "given_name": "Aïcha"})
	post("beneficiaries/documents", p+"/documents", map[string]any{"type": "passport", "number": "O0123456"})
	post("beneficiaries/contacts", p+"/contacts", map[string]any{"kind": "phone", "value": "+227 90 12 34 56"})
	post("beneficiaries/journey", p+"/journey", map[string]any{"from_country": "GIN", "to_country": "MLI"})
	post("beneficiaries/functional-difficulties", p+"/functional-difficulties", map[string]any{"answered_by": "self", "levels": map[string]any{
		"seeing": "1", "hearing": "1", "walking": "1", "remembering": "1", "self_care": "1", "communicating": "1"}})
	post("beneficiaries/screenings", p+"/screenings", map[string]any{"factors": []any{map[string]any{"factor": "individual.age", "polarity": "neutral"}}})
	post("beneficiaries/relationships", p+"/relationships", map[string]any{"relative_id": other, "kind": "sibling"})
	h.Exec("update beneficiaries set birth_date = null, birth_date_precision = null where id = $1", person) // may be a child
	post("beneficiaries/care-arrangements", p+"/care-arrangements", map[string]any{"arrangement": "kinship_care"})
	post("beneficiaries/separations", p+"/separations", map[string]any{"status": "separated"})
	a.ids["tasks"] = raise(h, centre, person)
	attach := func(key, path string) {
		body, contentType := form(h, map[string]any{"kind": "document_scan", "file": "%PDF-1.7"})
		post(key, path+"/attachments", body, contentType)
	}
	attach("beneficiaries/attachments", p)
	post("", p+"/card", nil)
	for _, scope := range []string{"case_management", "share_organisations"} {
		consent := map[string]any{"scope": scope, "decision": "given", "giver": "individual", "method": "written", "language": "fr"}
		if scope == "share_organisations" {
			consent["recipient_ids"] = []uuid.UUID{partnerOrganisation}
		}
		post("beneficiaries/consents", p+"/consents", consent)
	}
	post("reference-blocks", "/reference-blocks", map[string]any{"label": "Tablet 3", "size": 2})
	post("", "/beneficiaries", map[string]any{
		"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Fanta", "family_name": "Jallow", "sex": "2", "age": 28,
		"population_type": "migrant", "nationalities": []string{"GIN"},
		"consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
	})
	a.ids["duplicates"] = h.Call(a.staff, "GET", c+"/duplicates", nil).Want(200).ID("data", 0, "id")
	a.ids["beneficiaries/merges"] = h.Call(a.staff, "POST", c+"/beneficiaries/"+register("Kadi").String()+"/merge", map[string]any{"survivor_id": register("Binta"), "survivor_version": 1, "reason": "One person"},
		apptest.IfMatch(`"1"`)).Want(200).ID()
	post("legal-holds", "/legal-holds", map[string]any{"beneficiary_id": other, "reason": "Named in an inquiry"})
	household := post("households", "/households", map[string]any{"declared_size": 2, "members": []any{map[string]any{"beneficiary_id": person, "relationship": "head"}}})
	post("households/members", "/households/"+household.ID().String()+"/members", map[string]any{"beneficiary_id": other, "relationship": "sister"})

	counted := []any{map[string]any{"sex": "2", "age_group": "unhcr_18_59", "persons": 1}}
	post("visits", "/visits", map[string]any{"arrived_at": "2026-03-01T06:00:00Z", "access_mode": "always_open", "headcounts": counted})
	convoy := post("rescue-events", "/rescue-events", map[string]any{"kind": "desert_rescue", "occurred_at": "2026-03-01T05:00:00Z",
		"visits": []any{map[string]any{"arrived_at": "2026-03-01T06:00:00Z", "access_mode": "always_open", "headcounts": counted}}})
	post("rescue-events/people", "/rescue-events/"+convoy.ID().String()+"/people", map[string]any{"beneficiary_id": person})
	post("service-contacts", "/service-contacts", map[string]any{"occurred_at": "2026-03-01T06:00:00Z", "service_type": "information.orientation", "headcounts": counted})

	kase := post("cases", "/cases", map[string]any{"beneficiary_id": person, "source": "walk_in", "risk_level": "low", "owner_id": a.staff.ID, "summary": "x"})
	at := "/cases/" + kase.ID().String()
	h.Call(a.staff, "POST", c+at+"/open", nil, apptest.IfMatch(kase.ETag())).Want(200)
	attach("cases/attachments", at)
	colleague := h.Staff(centre, "caseworker")
	post("cases/team", at+"/team", map[string]any{"user_id": colleague.ID})
	post("cases/approvals", at+"/approvals", map[string]any{"kind": "consent_override", "basis": "vital_interest", "reason": "Needs an evacuation"})
	answers := map[string]any{"achieved": "Papers", "safe_to_close": "yes", "knows_how_to_return": true}
	shipped := h.Call(a.staff, "GET", c+"/forms?key=closing_evaluation", nil).Want(200).ID("data", 0, "id")
	assessment := post("cases/assessments", at+"/assessments", map[string]any{"form_id": shipped, "answers": answers})
	h.Call(a.staff, "POST", c+at+"/assessments/"+assessment.ID().String()+"/complete", map[string]any{"summary": "Well"}, apptest.IfMatch(`"1"`)).Want(200)
	post("cases/best-interests", at+"/best-interests", map[string]any{"kind": "BIA", "trigger": "other"})
	post("cases/problems", at+"/problems", map[string]any{"code": "documentation"})
	plan := post("cases/plans", at+"/plans", map[string]any{"goals": []any{map[string]any{"description": "Has a document", "actions": []any{map[string]any{"description": "Consulate", "due_on": "2026-12-31"}}}}})
	a.ids["cases/goals"] = h.Call(a.staff, "GET", c+at+"/goals?plan_id="+plan.ID().String(), nil).Want(200).ID("data", 0, "id")
	a.ids["cases/actions"] = h.Call(a.staff, "GET", c+at+"/actions?plan_id="+plan.ID().String(), nil).Want(200).ID("data", 0, "id")
	planAt := at + "/plans/" + plan.ID().String()
	h.Call(a.staff, "PATCH", c+planAt, map[string]any{"agreed": true, "agreed_on": "2026-01-06", "review_on": "2026-12-31"}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(a.staff, "POST", c+planAt+"/activate", nil, apptest.IfMatch(`"2"`)).Want(200)
	post("cases/evaluations", at+"/evaluations", map[string]any{"goal_id": a.ids["cases/goals"], "progress": "met", "reason": "Has one"})
	post("cases/notes", at+"/notes", map[string]any{"text": "Slept well", "occurred_at": "2026-03-01T07:30:00Z"})
	post("cases/follow-ups", at+"/follow-ups", map[string]any{"type": "home_visit", "due_at": "2026-12-12T08:00:00Z"})
	post("cases/visits", at+"/visits", map[string]any{"kind": "home", "planned_at": "2026-12-12T08:00:00Z"})

	post("cases/walls", at+"/walls", map[string]any{"user_id": h.Staff(centre, "caseworker").ID, "reason": "A cousin"})
	conference := post("cases/conferences", at+"/conferences", map[string]any{"scheduled_at": "2026-12-12T08:00:00Z", "purpose": "Where to live"})
	post("cases/conferences/invitations", at+"/conferences/"+conference.ID().String()+"/invitations", map[string]any{"user_id": h.Staff(centre, "caseworker").ID})
	post("supervision-sessions", "/supervision-sessions", map[string]any{"kind": "individual", "participant_ids": []uuid.UUID{colleague.ID}, "held_at": "2026-03-01T07:30:00Z", "minutes": 60})
	session := post("mhpss/sessions", "/mhpss/sessions", map[string]any{"kind": "individual", "activity": "7.1", "pyramid_level": "3", "starts_at": "2026-03-01T07:30:00Z", "minutes": 30,
		"participants": []any{map[string]any{"beneficiary_id": person}}})
	post("mhpss/sessions/notes", "/mhpss/sessions/"+session.ID().String()+"/notes", map[string]any{"text": "Calmer at the end"})
	glass := h.Call(colleague, "POST", c+"/cases", map[string]any{"beneficiary_id": other, "source": "walk_in", "risk_level": "low", "sensitivity": "restricted"}).Want(201)
	a.ids["break-glass-reviews"] = post("", "/cases/"+glass.ID().String()+"/break-glass", map[string]any{"reason": "In hospital, unconscious"}).ID()

	post("referrals", "/referrals", map[string]any{
		"case_id": kase.ID(), "organisation_id": partnerOrganisation, "priority": "urgent", "reasons": []string{"health_nutrition"},
		"services": []string{"health.consultation"}, "client_mode": "coded", "disclosed_fields": []string{"age_group", "sex"},
	})
	var code string
	h.Scan("select code from centres where id = $1", []any{centre}, &code)
	a.ids["referral-inbox"] = h.Call(partner, "POST", "/v1/partner/referrals", map[string]any{
		"centre_code": code, "priority": "urgent", "reasons": []string{"shelter"}, "services": []string{"accommodation"},
		"person": map[string]any{"given_name": "Aminata", "sex": "2"}, "consent": map[string]any{"given": true, "statement": "Agreed", "given_on": "2026-03-01"},
	}, apptest.Key(uuid.NewString())).Want(201).ID()

	offered := h.Call(partner, "POST", "/v1/services", map[string]any{"name": "Beds for " + code, "type": "accommodation", "referral_methods": []string{"api"}}).Want(201).ID()
	h.Call(partner, "PATCH", "/v1/services/"+offered.String()+"/capacity", map[string]any{"maximum": 2}, apptest.IfMatch(`"1"`)).Want(200)
	post("holds", "/holds", map[string]any{"service_id": offered, "case_id": kase.ID()})

	a.ids["transfers"] = handOver(h, centre, h.Centre("T"+code[:3], "Aside"), kase.ID(), person)
	a.ids["transfer-inbox"] = offer(h, centre, person)

	post("import-mappings", "/import-mappings", map[string]any{"name": "Registre", "source_system": "registre", "definition": map[string]any{
		"columns": []any{map[string]any{"source": "numero", "target": "source_id"}, map[string]any{"source": "date", "target": "registered_on"},
			map[string]any{"source": "sexe", "target": "sex", "values": map[string]any{"H": "1", "F": "2"}}, map[string]any{"source": "age", "target": "age"},
			map[string]any{"source": "consentement", "target": "consent"}}, "constants": map[string]any{"consent_method": "written"}, "date_order": "dmy", "languages": []string{"fr"}}})
	post("imports", "/imports?mapping="+a.ids["import-mappings"].String(), "numero;date;sexe;age;consentement\n17;05/01/2026;F;24;oui\n",
		apptest.Header{Name: "Content-Type", Value: "text/csv"})
	h.Work()
	a.ids["imports/rows"] = h.Call(a.staff, "GET", c+"/imports/"+a.ids["imports"].String()+"/rows", nil).Want(200).ID("data", 0, "id")

	item := post("stock/items", "/stock/items", map[string]any{"catalogue_code": "blanket"}).ID()
	store := post("stock/locations", "/stock/locations", map[string]any{"code": "A1", "name": "Store", "kind": "store"}).ID()
	arrival := post("", "/stock/items", map[string]any{"catalogue_code": "arrival_kit"}).ID()
	post("stock/kits", "/stock/kits", map[string]any{"item_id": arrival, "components": []any{map[string]any{"item_id": item, "quantity": "1"}}})
	received := post("stock/documents", "/stock/receipts", map[string]any{"type": "receipt_donation", "lines": []any{map[string]any{"item_id": item, "location_id": store, "quantity": "50"}}})
	a.ids["stock/movements"], a.ids["stock/lots"] = received.ID("movements", 0, "id"), received.ID("movements", 0, "lot_id")
	rule := post("entitlement-rules", "/entitlement-rules", map[string]any{"name": "Blanket", "item_id": item, "trigger": "arrival", "per": "person", "quantity": "1"})
	handOut := post("distributions", "/distributions", map[string]any{"title": "Blankets", "location_id": store, "scheduled_on": "2026-03-05", "open_list": true, "offers": []any{map[string]any{"rule_id": rule.ID()}}})
	atCounter := "/distributions/" + handOut.ID().String()
	a.ids["distributions/lines"] = post("", atCounter+"/lines", map[string]any{"beneficiary_ids": []uuid.UUID{person}}).ID("lines", 0, "id")
	h.Call(h.Staff(centre, "stock_approver"), "POST", c+atCounter+"/approve", nil, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(a.staff, "POST", c+atCounter+"/open", map[string]any{"brought": []any{}}, apptest.IfMatch(`"2"`)).Want(200)
	post("distributions/issues", atCounter+"/issues", map[string]any{"beneficiary_id": person, "proof": map[string]any{"kind": "witness", "witness": "A. Issoufou"}})
	bin := post("", "/stock/locations", map[string]any{"code": "B1", "name": "Bin", "kind": "store"}).ID()
	sheet := post("stock/counts", "/stock/counts", map[string]any{"location_ids": []any{store}}).ID().String()
	h.Call(a.staff, "POST", c+"/stock/counts/"+sheet+"/open", nil, apptest.IfMatch(`"1"`)).Want(200)
	moving := map[string]any{"from_location_id": store, "to_location_id": bin, "lines": []any{map[string]any{"item_id": item, "quantity": "1"}}}
	post("stock/transfers", "/stock/transfers", moving)
	sent := "/stock/transfers/" + post("stock/incoming-transfers", "/stock/transfers", moving).ID().String()
	h.Call(h.Staff(centre, "stock_approver"), "POST", c+sent+"/approve", map[string]any{}, apptest.IfMatch(`"1"`)).Want(200)
	h.Call(a.staff, "POST", c+sent+"/dispatch", map[string]any{}, apptest.IfMatch(`"2"`)).Want(200)
	post("stock/periods", "/stock/periods", map[string]any{"through_on": "2026-01-31"})

	post("phases", "/phases", map[string]any{"phase": "phase_out", "starts_on": "2030-01-01"})
	post("management-models", "/management-models", map[string]any{"model": "co_managed", "organisation_id": h.IOM, "starts_on": "2030-01-01"})
	post("sops", "/sops", map[string]any{"title": "SOP"})
	post("forms", "/forms", map[string]any{"key": "sleep", "kind": "other", "title": "Sleep",
		"schema": map[string]any{"type": "object", "properties": map[string]any{"sleep": map[string]any{"type": "string", "title": "Sleep"}}}})
	a.ids["members"] = h.Call(a.staff, "GET", c+"/members", nil).Want(200).ID("data", 0, "id")
	return a
}

// handOver asks another centre to take a case, which waits for a second person.
func handOver(h *apptest.House, from, to, kase, person uuid.UUID) uuid.UUID {
	id := db.NewID()
	h.Exec(`insert into case_transfers (centre_id, id, version, created_at, updated_at, case_id, beneficiary_id, target_centre_id, organisation_id, status, reason, parts, origin, destination, preview, requested_by)
		values ($1, $2, 1, now(), now(), $3, $4, $5, $6, 'awaiting_override', 'x', '{}', '{}', '{"name": "Aside", "code": "TT"}', '{"sex": "2", "languages": []}', $2)`, from, id, kase, person, to, h.IOM)
	return id
}

// offer lets another centre ask this one to take a case.
func offer(h *apptest.House, to, like uuid.UUID) uuid.UUID {
	var code string
	h.Scan("select code from centres where id = $1", []any{to}, &code)
	from, person, kase := h.Centre("O"+code[:3], "Elsewhere"), db.NewID(), db.NewID()
	h.Exec(`insert into beneficiaries (centre_id, id, version, created_at, updated_at, reference, registration_level, registered_on, reception_on, sex, population_type, source, basis)
		select $1, $2, 1, now(), now(), 'X', registration_level, registered_on, reception_on, sex, population_type, source, basis from beneficiaries where id = $3`, from, person, like)
	h.Exec(`insert into cases (centre_id, id, version, created_at, updated_at, number, beneficiary_id, status, risk_level, source)
		values ($1, $2, 1, now(), now(), 'X', $3, 'open', 'low', 'walk_in')`, from, kase, person)
	id := handOver(h, from, to, kase, person)
	h.Exec("update case_transfers set status = 'requested', override_decided_by = $2 where id = $1", id, kase)
	return id
}

// raise raises a task, as the house itself does.
func raise(h *apptest.House, centre, person uuid.UUID) (id uuid.UUID) {
	h.T.Helper()
	err := h.App.DB.InTx(context.Background(), db.Scope{Centres: []uuid.UUID{centre}, ActorKind: "system"}, func(ctx context.Context) error {
		return task.Raise(ctx, task.Task{Key: "arranged", Kind: "turning_18", Resource: "beneficiary", ResourceID: person, BeneficiaryID: &person, Role: "caseworker", DueAt: db.Now()})
	})
	if err != nil {
		h.T.Fatal(err)
	}
	h.Scan("select id from tasks where centre_id = $1 and key = 'arranged'", []any{centre}, &id)
	return id
}

var step = regexp.MustCompile(`\{([^}]+)\}`)

// fill writes an operation's path: the centre, and for each placeholder what was arranged for the
// words before it. missing names words that nothing was arranged for.
func fill(path string, centre uuid.UUID, ids map[string]uuid.UUID) (filled, missing string) {
	_, below, _ := strings.Cut(path, "{centre_id}")
	filled = "/v1/centres/" + centre.String()
	var words []string
	for _, part := range strings.Split(strings.Trim(below, "/"), "/") {
		switch {
		case part == "":
		case part == "{list}":
			filled += "/sex"
		case step.MatchString(part):
			id, ok := ids[strings.Join(words, "/")]
			if !ok {
				return "", strings.Join(words, "/")
			}
			filled += "/" + id.String()
		default:
			words = append(words, part)
			filled += "/" + part
		}
	}
	return filled, ""
}

// contents is what a centre's tables hold, table by table.
func contents(h *apptest.House, centre uuid.UUID) map[string]string {
	rows, err := h.Owner.Query(context.Background(), `select c.table_name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
		where c.table_schema = 'public' and c.column_name = 'centre_id' and t.table_type = 'BASE TABLE' and c.table_name not in ('audit_events', 'audit_seals', 'audit_checkpoints') order by 1`)
	if err != nil {
		h.T.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			h.T.Fatal(err)
		}
		tables = append(tables, name)
	}
	out := map[string]string{}
	for _, table := range tables {
		var sum string
		h.Scan("select coalesce(md5(string_agg(md5(x::text), '' order by md5(x::text))), '') from "+table+" x where centre_id = $1", []any{centre}, &sum)
		out[table] = sum
	}
	return out
}

// TestForeignIDs_AreNotFoundAndUntouched walks every operation below a centre with the ids of
// another centre. rule 25
func TestForeignIDs_AreNotFoundAndUntouched(t *testing.T) {
	h := apptest.New(t)
	organisation := h.Organisation("Partner", "ngo")
	partner := h.Client(organisation, "partner:referrals", "partner:services")
	theirs := arrange(h, h.CentreB, partner, organisation)
	ours := h.Staff(h.CentreA, centreRoles()...)
	before := contents(h, h.CentreB)
	ops, _, _ := operations(t)
	for _, o := range ops {
		if !strings.Contains(o.path, "{centre_id}/") || !strings.Contains(strings.SplitN(o.path, "{centre_id}", 2)[1], "{") || strings.Contains(o.path, "{list}") {
			continue
		}
		t.Run(o.id, func(t *testing.T) {
			defer h.For(t)()
			foreign, missing := fill(o.path, h.CentreA, theirs.ids)
			if missing != "" {
				t.Fatalf("nothing is arranged for %q: add it to arrange", missing)
			}
			there := o.call(h, ours, foreign).WantCode(404, "not_found")
			nowhere := o.call(h, ours, at(o.path, h.CentreA, uuid.New())).WantCode(404, "not_found")
			if anonymous(there) != anonymous(nowhere) {
				t.Errorf("a foreign id answers %s, an unknown one %s", there.Raw, nowhere.Raw)
			}
		})
	}
	for table, sum := range contents(h, h.CentreB) {
		if sum != before[table] {
			t.Errorf("%s of the other centre changed", table)
		}
	}
}

// TestStaleVersions_AreRefused calls every change with no version and with one that nobody has. rule 34
func TestStaleVersions_AreRefused(t *testing.T) {
	h := apptest.New(t)
	organisation := h.Organisation("Partner", "ngo")
	ours := arrange(h, h.CentreA, h.Client(organisation, "partner:referrals", "partner:services"), organisation)
	before := contents(h, h.CentreA)
	ops, _, _ := operations(t)
	for _, o := range ops {
		if !slices.Contains(o.headers, "If-Match") || !strings.Contains(o.path, "{centre_id}") {
			continue
		}
		t.Run(o.id, func(t *testing.T) {
			defer h.For(t)()
			path, missing := fill(o.path, h.CentreA, ours.ids)
			if missing != "" {
				t.Fatalf("nothing is arranged for %q: add it to arrange", missing)
			}
			o.with(h, ours.staff, path).WantCode(428, "if_match_required")
			o.with(h, ours.staff, path, apptest.IfMatch(`"9999"`)).WantCode(412, "stale_version")
		})
	}
	for table, sum := range contents(h, h.CentreA) {
		if sum != before[table] {
			t.Errorf("%s changed", table)
		}
	}
}
