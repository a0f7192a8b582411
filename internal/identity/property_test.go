package identity_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/task"
)

// scene is what happenings need: a desk, somebody who works on cases, and a way to choose.
type scene struct {
	desk
	worker          apptest.Person
	dpo, specialist apptest.Person
	officer         apptest.Person // of distributions
	clinic          uuid.UUID
	pick            func(list ...string) string
}

func (d desk) scene(pick func(...string) string) scene {
	return scene{d, d.Staff(d.CentreA, "registrar", "caseworker", "centre_manager"), d.Staff(d.CentreA, "dpo"), d.Staff(d.CentreA, "mhpss_specialist"), d.Staff(d.CentreA, "distribution_officer"), d.Organisation("Clinique", "health_facility"), pick}
}

// first picks what happens most.
func first(list ...string) string { return list[0] }

func (s scene) post(path string, body any, headers ...apptest.Header) *apptest.Response {
	s.T.Helper()
	return s.Call(s.worker, "POST", path, body, headers...)
}

func (s scene) attach(who uuid.UUID) {
	body, contentType := s.Form(apptest.Part{Name: "kind", Content: []byte("document_scan")}, apptest.Part{Name: "file", FileName: "p.pdf", Type: "application/pdf", Content: []byte("%PDF-1.7")})
	s.post(s.path(who)+"/attachments", body, contentType)
}

func (s scene) file(who uuid.UUID, sensitivity string) (kase uuid.UUID, ok bool) {
	made := s.post(s.at+"/cases", obj{"beneficiary_id": who, "source": "walk_in", "risk_level": "low", "owner_id": s.worker.ID, "sensitivity": sensitivity})
	if made.Status != 201 {
		return kase, false
	}
	return made.ID(), s.post(s.at+"/cases/"+made.ID().String()+"/open", nil, apptest.IfMatch(made.ETag())).Status == 200
}

// issue gives somebody a blanket once, at a counter that is open.
func (s scene) issue(who uuid.UUID, proxy obj) {
	s.T.Helper()
	var counter *uuid.UUID
	if s.Scan("select (select id from distributions limit 1)", nil, &counter); counter == nil {
		keeper, approver := s.Staff(s.CentreA, "storekeeper"), s.Staff(s.CentreA, "stock_approver")
		item := s.Call(keeper, "POST", s.at+"/stock/items", obj{"catalogue_code": "blanket"}).Want(201).ID()
		store := s.Call(keeper, "POST", s.at+"/stock/locations", obj{"code": "A1", "name": "Store", "kind": "store"}).Want(201).ID()
		s.Call(keeper, "POST", s.at+"/stock/receipts", obj{"type": "receipt_donation", "lines": []obj{{"item_id": item, "location_id": store, "quantity": "1000"}}}).Want(201)
		rule := s.Call(approver, "POST", s.at+"/entitlement-rules", obj{"name": "Blanket", "item_id": item, "trigger": "arrival", "per": "person", "quantity": "1"}).Want(201).ID()
		plan := s.Call(s.officer, "POST", s.at+"/distributions", obj{"title": "Blankets", "location_id": store, "scheduled_on": "2026-03-05", "open_list": true, "offers": []obj{{"rule_id": rule}}}).Want(201).ID()
		s.Call(approver, "POST", s.at+"/distributions/"+plan.String()+"/approve", nil, apptest.IfMatch(`"1"`)).Want(200)
		s.Call(s.officer, "POST", s.at+"/distributions/"+plan.String()+"/open", obj{"brought": []any{}}, apptest.IfMatch(`"2"`)).Want(200)
		counter = &plan
	}
	body := obj{"beneficiary_id": who, "proof": obj{"kind": "witness", "witness": "A. Issoufou"}}
	if proxy != nil {
		body["proxy"] = proxy
	}
	s.Call(s.officer, "POST", s.at+"/distributions/"+counter.String()+"/issues", body)
}

// happenings is one way, for every table and column that refers to a person, in which a row of it comes about; what a
// rule forbids does not happen. A table that is not among them fails TestMerge_EveryTableOfAPersonIsMovedAndPutBack.
var happenings = map[string]func(s scene, who, other uuid.UUID){
	"specific_needs.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/needs", obj{"code_system": "migrant_vulnerability", "code": "stranded", "confidence": "self_reported"})
	},
	"consents.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/consents", obj{"scope": s.pick("case_management", "share_organisations", "tracing"), "decision": s.pick("given", "refused", "withdrawn"), "giver": "individual", "method": "written"})
	},
	"household_members.beneficiary_id": func(s scene, who, other uuid.UUID) {
		members := []any{obj{"beneficiary_id": who, "relationship": s.pick("head", "other_family")}}
		if who != other {
			members = append(members, obj{"beneficiary_id": other, "relationship": s.pick("other_family", "sister")})
		}
		s.post(s.at+"/households", obj{"members": members})
	},
	"households.head_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.at+"/households", obj{"members": []any{obj{"beneficiary_id": who, "relationship": "head"}}})
	},
	"cases.beneficiary_id": func(s scene, who, _ uuid.UUID) { s.file(who, s.pick("normal", "restricted")) },
	"case_transfers.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		if kase, _ := s.file(who, s.pick("normal", "restricted")); kase != uuid.Nil {
			s.Exec(`insert into case_transfers (centre_id, id, version, created_at, updated_at, case_id, beneficiary_id, target_centre_id, organisation_id, status, reason, parts, origin, destination, preview, requested_by)
				values ($1, gen_random_uuid(), 1, now(), now(), $2, $3, $4, $5, 'awaiting_override', 'Moves', '{}', '{}', '{}', '{}', $6)`, s.CentreA, kase, who, s.CentreB, s.IOM, s.worker.ID)
		}
	},
	"referrals.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		if kase, ok := s.file(who, s.pick("normal", "restricted")); ok {
			s.post(s.at+"/referrals", obj{"case_id": kase, "organisation_id": s.clinic, "priority": "normal", "reasons": []string{"health_nutrition"}, "services": []string{"health.consultation"},
				"client_mode": "identified", "disclosed_fields": []string{"given_name", "sex"}, "contact": obj{"name": "Office"}})
		}
	},
	"disclosures.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.Exec("insert into disclosures (centre_id, beneficiary_id, organisation_id, act, fields, basis) values ($1, $2, $3, 'export', '{}', 'vital_interest')", s.CentreA, who, s.IOM)
	},
	"exported_people.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.Exec(`with x as (insert into exports (centre_id, id, list, organisation_id, fields) values ($1, gen_random_uuid(), 'beneficiaries', $3, '{sex}') returning id)
			insert into exported_people (centre_id, export_id, beneficiary_id) select $1, id, $2 from x`, s.CentreA, who, s.IOM)
	},
	"beneficiary_names.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/names", obj{"kind": "nickname", "given_name": s.pick("Modou", "Alfa")})
	},
	"identity_documents.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/documents", obj{"type": "passport", "number": s.pick("O0123456", "P7654321")})
	},
	"contacts.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/contacts", obj{"kind": "phone", "value": s.pick("+227 90 12 34 56", "+227 91 00 00 01")})
	},
	"journey_legs.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/journey", obj{"from_country": "GIN", "to_country": "MLI"})
	},
	"functional_assessments.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/functional-difficulties", obj{"answered_by": "self", "levels": obj{"seeing": "1", "hearing": "1", "walking": "1", "remembering": "1", "self_care": "1", "communicating": "1"}})
	},
	"vulnerability_screenings.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/screenings", obj{"factors": []any{obj{"factor": "individual.age", "polarity": "neutral"}}})
	},
	"relationships.beneficiary_id": func(s scene, who, other uuid.UUID) {
		s.post(s.path(who)+"/relationships", obj{"relative_id": other, "kind": "sibling"})
	},
	"relationships.relative_id": func(s scene, who, other uuid.UUID) {
		s.post(s.path(other)+"/relationships", obj{"relative_id": who, "kind": "spouse"})
	},
	"care_arrangements.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/care-arrangements", obj{"arrangement": "kinship_care"})
	},
	"care_arrangements.caregiver_id": func(s scene, who, other uuid.UUID) {
		s.post(s.path(other)+"/care-arrangements", obj{"arrangement": "kinship_care", "caregiver_id": who})
	},
	"separations.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/separations", obj{"status": "separated"})
	},
	"tasks.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		err := s.as(func(ctx context.Context) error {
			return task.Raise(ctx, task.Task{Key: uuid.NewString(), Kind: "turning_18", Resource: "beneficiary", ResourceID: who, BeneficiaryID: &who, Role: "caseworker", DueAt: db.Now()})
		})
		if err != nil {
			s.T.Fatal(err)
		}
	},
	"legal_holds.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.Call(s.dpo, "POST", s.at+"/legal-holds", obj{"beneficiary_id": who, "reason": "Named in an inquiry"})
	},
	"mhpss_participants.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.Call(s.specialist, "POST", s.at+"/mhpss/sessions", obj{"kind": "individual", "activity": "7.1", "pyramid_level": "3", "starts_at": "2026-03-01T07:30:00Z", "minutes": 30,
			"participants": []any{obj{"beneficiary_id": who}}})
	},
	"distribution_issues.beneficiary_id": func(s scene, who, _ uuid.UUID) { s.issue(who, nil) },
	"distribution_issues.proxy_id": func(s scene, who, other uuid.UUID) {
		s.issue(other, obj{"name": "A neighbour", "beneficiary_id": who, "authorisation": "A letter"})
	},
	"distribution_lines.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.issue(who, nil)
		s.Exec(`insert into distribution_lines (centre_id, id, version, created_at, updated_at, distribution_id, beneficiary_id, items)
			select centre_id, gen_random_uuid(), 1, now(), now(), id, $1, '[]' from distributions on conflict do nothing`, who)
	},
	"entitlement_uses.beneficiary_id":   func(s scene, who, _ uuid.UUID) { s.issue(who, nil) },
	"attachments.beneficiary_id":        func(s scene, who, _ uuid.UUID) { s.attach(who) },
	"registration_cards.beneficiary_id": func(s scene, who, _ uuid.UUID) { s.post(s.path(who)+"/card", nil) },
	"registration_card_prints.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.path(who)+"/card", nil)
		s.post(s.path(who)+"/card/reprint", obj{"reason": "lost"}, apptest.IfMatch(`"1"`))
	},
	"visits.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.post(s.at+"/visits", obj{"beneficiary_id": who, "arrived_at": "2026-03-01T06:00:00Z", "access_mode": "always_open"})
	},
	"rescue_event_people.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		counted := []any{obj{"sex": "2", "age_group": "unhcr_18_59", "persons": 1}}
		convoy := s.post(s.at+"/rescue-events", obj{"kind": "desert_rescue", "occurred_at": "2026-03-01T05:00:00Z", "visits": []any{obj{"arrived_at": "2026-03-01T06:00:00Z", "access_mode": "always_open", "headcounts": counted}}}).Want(201)
		s.post(s.at+"/rescue-events/"+convoy.ID().String()+"/people", obj{"beneficiary_id": who})
	},
	"import_rows.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.Exec(`with one as (insert into imports (centre_id, id, version, created_at, updated_at, mode, atomicity, on_duplicate, status, source_system, definition, file_size, file_sha256, delimiter, rows)
			values ($1, gen_random_uuid(), 1, now(), now(), 'commit', 'per_row', 'import', 'completed', 'x', '{}', 1, '\x00', ',', 1) returning id)
			insert into import_rows (centre_id, id, import_id, line, status, beneficiary_id) select $1, gen_random_uuid(), id, 1, 'created', $2 from one`, s.CentreA, who)
	},
	"import_sources.beneficiary_id": func(s scene, who, _ uuid.UUID) {
		s.Exec("insert into import_sources (centre_id, source_key, beneficiary_id, fingerprint) values ($1, $2, $3, '\\x00')", s.CentreA, uuid.NewString(), who)
	},
}

// references are the tables and columns that refer to a person, as the database has them; entries of the timeline
// follow from other rows.
func (d desk) references() []string {
	d.T.Helper()
	rows, err := d.Owner.Query(context.Background(), "select relation || '.' || col from person_references() where relation <> 'timeline'::regclass order by 1")
	if err != nil {
		d.T.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(list) < 25 {
		d.T.Fatal(len(list), err)
	}
	return list
}

// people registers two records of one person and somebody else, each perhaps a child.
func (d desk) people(born string) (a, b, c uuid.UUID) {
	d.T.Helper()
	a = d.register(obj{"birth_date": born}).Want(201).ID()
	b = d.register(obj{"birth_date": born, "given_name": "Mamadu", "acknowledged_duplicates": []uuid.UUID{a}}).Want(201).ID()
	c = d.register(obj{"birth_date": born, "given_name": "Emeka", "family_name": "Okafor"}).Want(201).ID()
	d.Exec("update beneficiaries set birth_date = null, birth_date_precision = null where id = any ($1)", []uuid.UUID{a, b, c})
	return a, b, c
}

// rule 29
func TestMerge_EveryTableOfAPersonIsMovedAndPutBack(t *testing.T) {
	d := open(t)
	references := d.references()
	if covered := slices.Sorted(maps.Keys(happenings)); !slices.Equal(covered, references) {
		t.Fatalf("what refers to a person is\n%v, and what happens in this test\n%v", references, covered)
	}
	s := d.scene(first)
	survivor, duplicate, other := d.people("1950-05-05")
	for _, reference := range references {
		table, col := split(reference)
		happens := happenings[reference]
		if happens(s, duplicate, other); d.count(table+" where "+col+" = '"+duplicate.String()+"'") == 0 {
			t.Errorf("nothing of %s came about", reference)
		}
	}
	before := dump(t, d.House, d.CentreA)
	d.merge(duplicate, survivor).Want(200)
	for _, reference := range references {
		table, col := split(reference)
		if n := d.count(fmt.Sprintf("merge_rows where relation = '%s' and before ? '%s' and after ->> '%s' = '%s'", table, col, col, survivor)); n == 0 {
			t.Errorf("no row of %s has its origin", reference)
		}
	}
	d.nothingUnder(duplicate)
	d.unmerge(duplicate).Want(200)
	same(t, before, dump(t, d.House, d.CentreA))
}

func split(reference string) (table, col string) {
	at := slices.Index([]byte(reference), '.')
	return reference[:at], reference[at+1:]
}

// TestMerge_UndoneIsAsIfItHadNotBeen is the property unmerge(merge(x)) = x over random files of everything that can
// happen to people, with values taken over or not.
func TestMerge_UndoneIsAsIfItHadNotBeen(t *testing.T) {
	d := open(t)
	s, kinds := d.scene(nil), slices.Sorted(maps.Keys(happenings))
	until, round := time.Now().Add(20*time.Second), 0
	rapid.Check(t, func(r *rapid.T) {
		if round++; round > 12 || round > 4 && time.Now().After(until) { // each costs some thirty calls
			return
		}
		pick := func(list ...string) string { return rapid.SampledFrom(list).Draw(r, "which") }
		s.pick = pick
		a, b, c := d.people(fmt.Sprintf("%d-03-1%d", 1940+round, round%9))
		people := rapid.SampledFrom([]uuid.UUID{a, b, c})
		for range rapid.IntRange(1, 16).Draw(r, "things that happen") {
			happenings[pick(kinds...)](s, people.Draw(r, "who"), people.Draw(r, "and who"))
		}
		if rapid.Bool().Draw(r, "the other way") {
			a, b = b, a
		}
		take := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"given_name", "other_names", "birth_date", "nationalities", "interpreter_used", "phone"}), rapid.ID).Draw(r, "take")
		before := dump(t, d.House, d.CentreA)
		d.Call(d.supervisor, "POST", d.path(a)+"/merge", obj{"survivor_id": b, "survivor_version": d.version(b), "reason": "One person", "take": take}, tag(d.version(a)))
		if !merged(d, a) { // a rule forbids what was taken
			return
		}
		d.unmerge(a).Want(200)
		same(r, before, dump(t, d.House, d.CentreA))
	})
}

func merged(d desk, id uuid.UUID) bool {
	return d.count("beneficiaries where status = 'merged' and id = '"+id.String()+"'") == 1
}
