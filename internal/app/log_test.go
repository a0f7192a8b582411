package app_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/app/apptest"
)

// journal collects what is logged.
type journal struct {
	mu sync.Mutex
	bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Buffer.Write(p)
}

// TestLog_NamesNobody registers, finds, changes and fails to change a person, and looks for
// their words in everything that was logged meanwhile.
func TestLog_NamesNobody(t *testing.T) {
	h := apptest.New(t)
	log := &journal{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	worker := h.Staff(h.CentreA, "caseworker", "registrar")
	at := "/v1/centres/" + h.CentreA.String() + "/beneficiaries"
	person := map[string]any{
		"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Zoumanigui", "family_name": "Quattara", "sex": "2", "age": 27,
		"population_type": "migrant", "phone": "+22790112233", "document_number": "ZZ998877", "remarks": "Kidnapped near Arlit",
		"consent": map[string]any{"decision": "given", "giver": "individual", "method": "written", "language": "fr"},
	}
	made := h.Call(worker, "POST", at, person, apptest.Key("Zoumanigui-key")).Want(201)
	h.Call(worker, "GET", at+"?q=Zoumanigui", nil).Want(200)
	h.Call(worker, "GET", at+"?q=Zoumanigui&nonsense=Quattara", nil).Want(400)
	h.Call(worker, "GET", at+"/"+made.ID().String(), nil).Want(200)
	h.Call(worker, "PATCH", at+"/"+made.ID().String(), map[string]any{"family_name": "Quattara", "sex": "Zoumanigui"}, apptest.IfMatch(`"1"`)).Want(422)
	h.Call(worker, "PATCH", at+"/"+uuid.NewString(), map[string]any{"family_name": "Quattara"}, apptest.IfMatch(`"1"`)).Want(404)
	person["id"] = made.ID()
	person["given_name"] = "Zoumanigui II"
	h.Call(worker, "POST", at, person).Want(409)
	h.Exec("alter table beneficiaries rename to elsewhere")
	h.Call(worker, "GET", at+"/"+made.ID().String(), nil).Want(500)
	h.Call(worker, "POST", at, map[string]any{"registration_level": "basic", "reception_on": "2026-03-01", "given_name": "Zoumanigui", "sex": "2", "age": 2,
		"population_type": "migrant", "basis": "vital_interest", "basis_reason": "Quattara"}).Want(500)
	slog.SetDefault(before)
	text := log.String()
	if !strings.Contains(text, "createBeneficiary") || !strings.Contains(text, "level=ERROR") {
		t.Fatalf("nothing was logged to look at: %s", text)
	}
	for _, word := range []string{"Zoumanigui", "Quattara", "22790112233", "ZZ998877", "Kidnapped"} {
		if strings.Contains(text, word) {
			t.Errorf("the log says %q", word)
		}
	}
}
