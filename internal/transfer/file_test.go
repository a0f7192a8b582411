package transfer_test

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/transfer"
)

// Every table under a case is decided on: it goes over, or it stays for a reason.
func TestFile_EveryTableUnderACaseGoesOverOrStaysForAReason(t *testing.T) {
	h := apptest.New(t)
	var tables []string
	h.Scan(`select array_agg(distinct c.relname::text) from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'case_id' and not a.attisdropped
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`, nil, &tables)
	var referring []string
	h.Scan(`select array_agg(distinct conrelid::regclass::text) from pg_constraint where contype = 'f' and confrelid = 'cases'::regclass`, nil, &referring)
	goes := []string{}
	for _, c := range transfer.Copied {
		goes = append(goes, c.Table)
	}
	all := append(tables, referring...)
	for _, table := range all {
		if transfer.Left[table] != "" == slices.Contains(goes, table) {
			t.Errorf("%s: name it in transfer.Copied or, with the reason, in transfer.Left", table)
		}
	}
	for table := range transfer.Left {
		if !slices.Contains(all, table) {
			t.Errorf("%s is no table under a case any more", table)
		}
	}
}

// attach attaches something to a case of centre A.
func (r *road) attach(id uuid.UUID, kind, content string) uuid.UUID {
	r.T.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range map[string]string{"kind": kind} {
		_ = w.WriteField(name, value)
	}
	part, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="paper.pdf"`}, "Content-Type": {"application/pdf"}})
	_, _ = part.Write([]byte(content))
	_ = w.Close()
	return r.Call(r.worker, "POST", r.a+"/cases/"+id.String()+"/attachments", body.Bytes(), apptest.Header{Name: "Content-Type", Value: w.FormDataContentType()}).Want(201).ID()
}

// thick is a case whose file holds something in every table that goes over.
func (r *road) thick() (id, paper uuid.UUID) {
	r.T.Helper()
	id = r.kase("normal", "share_organisations")
	at := r.a + "/cases/" + id.String()
	r.Call(r.worker, "POST", at+"/problems", obj{"code": "documentation", "description": "Papers lost"}).Want(201)
	goal := r.Call(r.worker, "GET", at+"/goals", nil).Want(200).ID("data", 0, "id")
	r.Call(r.worker, "POST", at+"/evaluations", obj{"goal_id": goal, "progress": "in_progress", "reason": "Consulate asked", "review_on": "2030-01-01"}).Want(201)
	note := r.Call(r.worker, "GET", at+"/notes", nil).Want(200).ID("data", 0, "id")
	r.Call(r.worker, "PATCH", at+"/notes/"+note.String(), obj{"text": "Slept badly"}, match(1)).Want(200)
	due := r.Call(r.worker, "POST", at+"/follow-ups", obj{"type": "home_visit"}).Want(201)
	r.Call(r.worker, "POST", due.Header.Get("Location")+"/attempts", obj{"method": "phone", "note": "No answer"}, match(1)).Want(200)
	r.Exec(`insert into case_visits (centre_id, id, version, created_at, updated_at, case_id, followup_id, kind, status, planned_at, visitor_id, worker_safety, person_safety, safety_checked_at, visited_at, outcome)
		select centre_id, gen_random_uuid(), 1, now(), now(), case_id, id, 'home', 'met', now(), $2, 'safe', 'safe', now(), now(), 'At her aunt''s' from case_followups where id = $1`, due.ID(), r.worker.ID)
	r.Exec(`insert into case_conferences (centre_id, id, version, created_at, updated_at, case_id, scheduled_at, purpose, held_at, outcome, decisions)
		values ($1, gen_random_uuid(), 1, now(), now(), $2, now(), 'Where to live', now(), 'decided', 'With her aunt')`, r.CentreA, id)
	paper = r.attach(id, "document_scan", "%PDF-1.7 her passport")
	r.Exec("update beneficiaries set birth_date = current_date - 4000, birth_date_precision = 'day' where id = $1", r.person)
	r.Call(r.worker, "POST", at+"/best-interests", obj{"kind": "BIA", "trigger": "other"}).Want(201)
	r.Exec("update beneficiaries set birth_date = current_date - 9999 where id = $1", r.person)
	r.Exec("update best_interest_procedures set document_id = $2 where case_id = $1", id, paper)
	r.Call(r.supervisor, "POST", at+"/walls", obj{"user_id": r.Staff(r.CentreA, "caseworker").ID, "reason": "A cousin"}).Want(201)
	return id, paper
}

func (r *road) accepted(asked *apptest.Response) (path string, id uuid.UUID) {
	r.T.Helper()
	taken := r.Call(r.receiver, "POST", r.b+"/transfer-inbox/"+asked.ID().String()+"/accept", obj{"owner_id": r.stranger.ID}, match(1)).Want(200)
	return r.b + "/cases/" + taken.Text("case_id"), taken.ID("case_id")
}

// rule 11
func TestTransfer_TheWholeFileGoesOver(t *testing.T) {
	r := newRoad(t)
	id, paper := r.thick()
	at, there := r.accepted(r.ask(id, nil).Want(201))
	for _, c := range transfer.Copied {
		var mine, theirs, foreign int
		r.Scan(`select count(*) filter (where centre_id = $1), count(*) filter (where centre_id = $2), count(*) filter (where centre_id = $2 and to_jsonb(x)::text like '%' || $3 || '%') from `+c.Table+" x",
			[]any{r.CentreA, r.CentreB, id.String()}, &mine, &theirs, &foreign)
		if mine == 0 || theirs != mine || foreign != 0 {
			t.Errorf("%s: %d at the source, %d at the target, %d name the source's case", c.Table, mine, theirs, foreign)
		}
	}
	for path, want := range map[string]string{"/follow-ups": "No answer", "/visits": "At her aunt's", "/conferences": "With her aunt", "/problems": "Papers lost", "/evaluations": "Consulate asked", "/best-interests": "BIA"} {
		if page := r.Call(r.stranger, "GET", at+path, nil).Want(200); page.Len("data") != 1 || !strings.Contains(string(page.Raw), want) {
			t.Errorf("%s: %s", path, page.Raw)
		}
	}
	var line bool
	r.Scan(`select exists (select from case_evaluations e join case_goals g on g.id = e.goal_id and g.centre_id = e.centre_id join case_plans p on p.id = e.plan_id and p.id = g.plan_id
		join case_contact_attempts x on x.centre_id = e.centre_id join case_followups f on f.id = x.followup_id and f.case_id = $1 where e.case_id = $1)`, []any{there}, &line)
	if !line {
		t.Error("what belongs together is torn apart")
	}
	r.Work()
	papers := r.Call(r.stranger, "GET", at+"/attachments", nil).Want(200)
	if papers.Len("data") != 1 || papers.ID("data", 0, "id") == paper {
		t.Fatalf("attachments: %s", papers.Raw)
	}
	content := "/attachments/" + papers.Text("data", 0, "id") + "/content"
	if got := r.Call(r.stranger, "GET", at+content, nil).Want(200); string(got.Raw) != "%PDF-1.7 her passport" {
		t.Errorf("content: %s", got.Raw)
	}
	if bip := r.Call(r.stranger, "GET", at+"/best-interests", nil).Want(200); bip.Text("data", 0, "document_id") != papers.Text("data", 0, "id") {
		t.Errorf("its document: %s", bip.Raw)
	}
	// The source keeps its file, and its content lives and dies by itself.
	own := r.a + "/cases/" + id.String() + "/attachments/" + paper.String() + "/content"
	r.Call(r.worker, "GET", own, nil).Want(200)
	r.Exec("update attachments set file_id = null, content_deleted_at = now() where id = $1", paper)
	r.Exec("delete from stored_files where centre_id = $1", r.CentreA)
	r.Call(r.stranger, "GET", at+content, nil).Want(200)
	r.Call(r.stranger, "GET", strings.Replace(own, r.a, r.b, 1), nil).WantCode(404, "not_found")
}

func TestTransfer_BringsNoPictureOrPartThatTheConsentDoesNotCover(t *testing.T) {
	for name, c := range map[string]struct {
		scopes []string
		parts  []string
		want   int
	}{
		"no pictures": {[]string{"share_organisations"}, nil, 1},
		"pictures":    {[]string{"share_organisations", "media"}, nil, 2},
		"not chosen":  {[]string{"share_organisations", "media"}, []string{"notes"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoad(t)
			id := r.kase("normal", c.scopes...)
			r.attach(id, "document_scan", "%PDF-1.7 x")
			r.Exec("update attachments set kind = 'photo' where id = $1", r.attach(id, "document_scan", "%PDF-1.7 y"))
			more := obj{}
			if c.parts != nil {
				more["parts"] = c.parts
			}
			at, _ := r.accepted(r.ask(id, more).Want(201))
			r.Work()
			if page := r.Call(r.stranger, "GET", at+"/attachments", nil).Want(200); page.Len("data") != c.want {
				t.Errorf("attachments: %s", page.Raw)
			}
			for _, path := range []string{"/follow-ups", "/visits", "/conferences", "/best-interests", "/evaluations"} {
				r.Call(r.stranger, "GET", at+path, nil).Want(200)
			}
		})
	}
}

func TestTransfer_EndsWithTheConsentThatItRestsOn(t *testing.T) {
	for name, no := range map[string]obj{
		"casework":     {"scope": "case_management", "decision": "withdrawn"},
		"all sharing":  {"scope": "share_organisations", "decision": "withdrawn"},
		"this one":     {"scope": "share_organisations", "decision": "withdrawn", "recipient_ids": "IOM"},
		"ran out":      nil,
		"another":      {"scope": "share_family", "decision": "refused"},
		"of nobody":    {"scope": "share_organisations", "decision": "given", "excluded_ids": "IOM", "exclusion_reason": "fear"},
		"said it anew": {"scope": "share_organisations", "decision": "given", "recipient_ids": "IOM"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoad(t)
			id := r.kase("normal", "share_organisations")
			asked := r.ask(id, nil).Want(201)
			at, want := r.b+"/transfer-inbox/"+asked.ID().String(), 404
			body := obj{"giver": "individual", "method": "written", "language": "fr"}
			for k, v := range no {
				if body[k] = v; v == "IOM" {
					body[k] = []uuid.UUID{r.IOM}
				}
			}
			switch name {
			case "ran out":
				r.Exec("alter table consents disable trigger user")
				r.Exec("update consents set valid_until = current_date - 2 where scope = 'share_organisations'")
				r.Exec("alter table consents enable trigger user")
				want = 409
			case "another", "said it anew":
				want = 200
				fallthrough
			default:
				r.Call(r.worker, "POST", r.a+"/beneficiaries/"+r.person.String()+"/consents", body).Want(201)
			}
			r.Call(r.receiver, "POST", at+"/accept", obj{}, match(1)).Want(want)
			if want == 404 {
				if own := r.Call(r.worker, "GET", r.a+"/transfers/"+asked.ID().String(), nil).Want(200); own.Text("status") != "withdrawn" || own.Text("decision_note") != "consent_withdrawn" {
					t.Errorf("at the source: %s", own.Raw)
				}
			}
		})
	}
}

// rule 26
func TestTransfer_WhoIsKeptFromTheFileTakesItNowhere(t *testing.T) {
	r := newRoad(t)
	id := r.kase("normal", "share_organisations")
	wall := func(p apptest.Person) {
		r.Exec(`insert into case_walls (centre_id, id, version, created_at, updated_at, case_id, user_id, reason) values ($1, gen_random_uuid(), 1, now(), now(), $2, $3, 'A cousin')`, r.CentreA, id, p.ID)
	}
	cousin := r.Staff(r.CentreB, "case_supervisor")
	wall(cousin)
	wall(r.stranger)
	at := r.b + "/transfer-inbox/" + r.ask(id, nil).Want(201).ID().String() + "/accept"
	r.Call(cousin, "POST", at, obj{}, match(1)).WantCode(404, "not_found")
	if refused := r.Call(r.receiver, "POST", at, obj{"owner_id": r.stranger.ID}, match(1)).WantCode(422, "invalid"); refused.Text("errors", 0, "code") != "walled_off" {
		t.Errorf("refused: %s", refused.Raw)
	}
	taken := r.Call(r.receiver, "POST", at, obj{}, match(1)).Want(200)
	file := r.b + "/cases/" + taken.Text("case_id")
	r.Call(r.receiver, "GET", file, nil).Want(200)
	for _, off := range []apptest.Person{cousin, r.stranger} {
		r.Call(off, "GET", file, nil).WantCode(404, "not_found")
	}
}
