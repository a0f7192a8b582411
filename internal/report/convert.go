package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/formula"
	"github.com/waystation/waystation/internal/wire"
)

// report is an answer in both of its forms: the document, and the same lines as a table.
type report struct {
	document any
	table    [][]any
}

// rendered is a report as it is sent. Its tag is that of its content: it stays as long as the figures do.
type rendered struct {
	body      []byte
	mediaType string
}

func render(ctx context.Context, r report) (rendered, error) {
	if wire.Media(ctx) != wire.CSV {
		body, err := json.Marshal(r.document)
		return rendered{append(body, '\n'), wire.JSON}, err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	for _, row := range r.table {
		cells := make([]string, len(row))
		for i, value := range row {
			cells[i] = formula.SafeCell(cell(value))
		}
		_ = w.Write(cells) // a failure stays in w
	}
	w.Flush()
	return rendered{out.Bytes(), wire.CSV + "; charset=utf-8"}, w.Error()
}

// cell writes a value of a table: nothing where there is none, counts by code as code=n joined by ";".
func cell(value any) string {
	switch v := value.(type) {
	case *float64:
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', -1, 64)
	case *uuid.UUID:
		if v == nil {
			return ""
		}
		return v.String()
	case map[string]int:
		var parts []string
		for _, code := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, code+"="+strconv.Itoa(v[code]))
		}
		return strings.Join(parts, ";")
	}
	return fmt.Sprint(value)
}

func (r rendered) send(w http.ResponseWriter) error {
	sum := sha256.Sum256(r.body)
	w.Header().Set("Content-Type", r.mediaType)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(r.body)
	return err
}

// VisitGetCaseloadReportResponse implements api.GetCaseloadReportResponseObject.
func (r rendered) VisitGetCaseloadReportResponse(w http.ResponseWriter) error { return r.send(w) }

// VisitGetTimelinessReportResponse implements api.GetTimelinessReportResponseObject.
func (r rendered) VisitGetTimelinessReportResponse(w http.ResponseWriter) error { return r.send(w) }

// VisitGetOutcomesReportResponse implements api.GetOutcomesReportResponseObject.
func (r rendered) VisitGetOutcomesReportResponse(w http.ResponseWriter) error { return r.send(w) }

// VisitGetReopenedReportResponse implements api.GetReopenedReportResponseObject.
func (r rendered) VisitGetReopenedReportResponse(w http.ResponseWriter) error { return r.send(w) }

// excludes says what no report counts.
var excludes = []api.ReportExclusion{"restricted_cases"}

func toCaseload(loads []casework.RiskLoad, p centre.CaseloadPolicy) report {
	doc := api.CaseloadReport{Excludes: excludes, Limit: p.Limit, Data: []api.CaseloadReportLine{}}
	table := [][]any{{"whose", "user_id", "name", "cases", "load", "by_risk", "state"}}
	for _, l := range loads {
		x := api.CaseloadReportLine{Whose: api.ReportWhose(l.Whose), UserID: l.UserID, Name: wire.Opt(l.Name), Cases: l.Cases, Load: l.Load, ByRisk: l.ByRisk.V}
		state := ""
		if l.UserID != nil {
			state = (&casework.Caseload{Load: l.Load}).State(p)
			x.State = wire.Ptr(api.CaseloadReportLineState(state))
		}
		doc.Data = append(doc.Data, x)
		table = append(table, []any{l.Whose, l.UserID, l.Name, l.Cases, l.Load, l.ByRisk.V, state})
	}
	return report{doc, table}
}

func toTimeliness(q query, found []timely) report {
	doc := api.TimelinessReport{From: wire.ToDate(q.from), To: wire.ToDate(q.to), Excludes: excludes, Data: []api.TimelinessReportLine{}}
	table := [][]any{{"whose", "user_id", "timer", "due", "on_time", "late", "not_done", "on_time_percent"}}
	for _, l := range found {
		doc.Frozen = l.Frozen
		if l.Whose == "" {
			continue
		}
		share := percent(l.OnTime, l.Due)
		doc.Data = append(doc.Data, api.TimelinessReportLine{Whose: api.ReportWhose(l.Whose), UserID: l.OwnerID, Timer: api.TimelinessReportLineTimer(l.Timer),
			Due: l.Due, OnTime: l.OnTime, Late: l.Late, NotDone: l.Undone, OnTimePercent: share})
		table = append(table, []any{l.Whose, l.OwnerID, l.Timer, l.Due, l.OnTime, l.Late, l.Undone, share})
	}
	return report{doc, table}
}

func toOutcomes(q query, found []outcome) report {
	doc := api.OutcomesReport{From: wire.ToDate(q.from), To: wire.ToDate(q.to), Excludes: excludes, Data: []api.OutcomesReportLine{}}
	table := [][]any{{"whose", "user_id", "closures", "positive", "positive_percent", "reasons", "goals_judged", "goals_met", "goals_met_percent"}}
	for _, l := range found {
		doc.Frozen = l.Frozen
		if l.Whose == "" {
			continue
		}
		good, met := percent(l.Positive, l.Closures), percent(l.Met, l.Judged)
		doc.Data = append(doc.Data, api.OutcomesReportLine{Whose: api.ReportWhose(l.Whose), UserID: l.OwnerID, Closures: l.Closures, Positive: l.Positive, PositivePercent: good,
			Reasons: l.Reasons.V, GoalsJudged: l.Judged, GoalsMet: l.Met, GoalsMetPercent: met})
		table = append(table, []any{l.Whose, l.OwnerID, l.Closures, l.Positive, good, l.Reasons.V, l.Judged, l.Met, met})
	}
	return report{doc, table}
}

func toReopened(q query, days int, found []comeback) report {
	doc := api.ReopenedReport{From: wire.ToDate(q.from), To: wire.ToDate(q.to), WithinDays: days, Excludes: excludes, Data: []api.ReopenedReportLine{}}
	table := [][]any{{"whose", "user_id", "reopened", "reopened_within", "closures_watched", "closures_returned", "returned_percent"}}
	for _, l := range found {
		doc.Frozen = l.Frozen
		if l.Whose == "" {
			continue
		}
		share := percent(l.Returned, l.Watched)
		doc.Data = append(doc.Data, api.ReopenedReportLine{Whose: api.ReportWhose(l.Whose), UserID: l.OwnerID, Reopened: l.Reopened, ReopenedWithin: l.Within,
			ClosuresWatched: l.Watched, ClosuresReturned: l.Returned, ReturnedPercent: share})
		table = append(table, []any{l.Whose, l.OwnerID, l.Reopened, l.Within, l.Watched, l.Returned, share})
	}
	return report{doc, table}
}
