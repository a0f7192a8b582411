package identity_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// shared lets a referral of a person be under way to an organisation, resting on the person's consent.
func (d desk) shared(worker apptest.Person, person, organisation uuid.UUID) uuid.UUID {
	d.T.Helper()
	d.Agrees(organisation)
	d.decides(person, obj{"scope": "case_management", "decision": "given"})
	d.decides(person, obj{"scope": "share_organisations", "decision": "given", "recipient_ids": []uuid.UUID{organisation}})
	kase := d.Call(worker, "POST", d.at+"/cases", obj{"beneficiary_id": person, "source": "walk_in", "risk_level": "low", "owner_id": worker.ID}).Want(201)
	file := d.at + "/cases/" + kase.ID().String()
	d.Call(worker, "POST", file+"/open", nil, apptest.IfMatch(kase.ETag())).Want(200)
	made := d.Call(worker, "POST", d.at+"/referrals", obj{"case_id": kase.ID(), "organisation_id": organisation, "priority": "normal", "reasons": []string{"health_nutrition"},
		"services": []string{"health.consultation"}, "explanation": "Consultation", "client_mode": "identified", "disclosed_fields": []string{"given_name", "sex"},
		"contact": obj{"name": "Case office", "phone": "+227 20 00 00 00"}}).Want(201)
	d.Call(worker, "POST", d.at+"/referrals/"+made.ID().String()+"/send", nil, apptest.IfMatch(made.ETag())).Want(200)
	return made.ID()
}

func (d desk) decides(person uuid.UUID, more obj) {
	d.T.Helper()
	body := obj{"giver": "individual", "method": "written"}
	for k, v := range more {
		body[k] = v
	}
	d.Call(d.registrar, "POST", d.path(person)+"/consents", body).Want(201)
}

func (d desk) stands(referral uuid.UUID) (status string, deletion bool) {
	d.T.Helper()
	d.Scan("select status, deletion_requested_at is not null from referrals where id = $1", []any{referral}, &status, &deletion)
	return status, deletion
}

// rule 4
func TestMerge_ANoOfOneRecordEndsWhatIsSharedOfTheOther(t *testing.T) {
	for name, c := range map[string]struct {
		no                  obj  // of the record that is not referred; "recipient_ids" true: the clinic
		named               bool // towards the clinic alone
		ofSurvivor          bool
		clinicEnds, ngoEnds bool
	}{
		"refused in general":               {no: obj{"scope": "share_organisations", "decision": "refused"}, clinicEnds: true, ngoEnds: true},
		"withdrawn in general":             {no: obj{"scope": "case_management", "decision": "withdrawn"}, clinicEnds: true, ngoEnds: true},
		"the survivor's no":                {no: obj{"scope": "share_organisations", "decision": "refused"}, ofSurvivor: true, clinicEnds: true, ngoEnds: true},
		"withheld from one":                {no: obj{"scope": "share_organisations", "decision": "refused"}, named: true, clinicEnds: true},
		"something no referral rests upon": {no: obj{"scope": "media", "decision": "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			worker := d.Staff(d.CentreA, "caseworker")
			clinic, ngo := d.Organisation("Clinique", "health_facility"), d.Organisation("Partner", "ngo")
			duplicate, survivor := d.two()
			says, referred := duplicate, survivor
			if c.ofSurvivor {
				says, referred = survivor, duplicate
			}
			toClinic, toNGO := d.shared(worker, referred, clinic), d.shared(worker, referred, ngo)
			if c.named {
				c.no["recipient_ids"] = []uuid.UUID{clinic}
			}
			d.decides(says, c.no)
			if status, _ := d.stands(toClinic); status != "sent" {
				t.Fatalf("the no of one record reached the other before they were one: %s", status)
			}
			d.merge(duplicate, survivor).Want(200)
			for referral, ends := range map[uuid.UUID]bool{toClinic: c.clinicEnds, toNGO: c.ngoEnds} {
				status, deletion := d.stands(referral)
				if deletion != ends || (status == "revoked") != ends {
					t.Errorf("the referral is %s, deletion asked %v, should end %v", status, deletion, ends)
				}
			}
			if n := d.count("cases where open_referrals <> (select count(*) from referrals r where r.case_id = cases.id and r.status = 'sent')"); n != 0 {
				t.Error("a case lost count of its referrals")
			}
			d.unmerge(duplicate).Want(200)
			if status, _ := d.stands(toClinic); c.clinicEnds && status != "revoked" {
				t.Errorf("an undo sent the referral anew: %s", status)
			}
		})
	}
}

func TestMerge_WhatWasSentInKnowledgeOfItsOwnNoStays(t *testing.T) {
	d := open(t)
	worker := d.Staff(d.CentreA, "caseworker")
	duplicate, survivor := d.two()
	clinic := d.Organisation("Clinique", "health_facility")
	sent := d.shared(worker, survivor, clinic)
	d.Exec(`insert into consents (centre_id, id, version, created_at, updated_at, beneficiary_id, scope, decision, giver, method, given_at)
		values ($1, gen_random_uuid(), 1, now(), now(), $2, 'share_organisations', 'refused', 'individual', 'written', now())`, d.CentreA, survivor)
	d.Exec("update referrals set override_basis = 'vital_interest' where id = $1", sent)
	d.merge(duplicate, survivor).Want(200)
	if status, _ := d.stands(sent); status != "sent" {
		t.Errorf("the referral is %s", status)
	}
}
