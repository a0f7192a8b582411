package casework

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/beneficiary"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/print"
)

// words are what a copy says around what was written into the plan, in one language.
type words struct {
	title, version, agreedOn, reviewOn, goal, by, who, until, cost, paidBy, others, notice string
}

// copyWords are the languages of copies, those of the API.
var copyWords = map[string]words{
	"en": {"Our plan", "Version", "Agreed on", "We look at it again on", "Goal", "By", "Who", "Until", "Cost", "paid by", "Also",
		"This plan is yours. We made it together, and nothing in it happens against your will. You can ask to change it or to stop at any time. Keep it where nobody reads it whom you do not want to read it; you can also leave it with us."},
	"fr": {"Notre plan", "Version", "Convenu le", "Nous y revenons le", "Objectif", "Pour le", "Qui", "Jusqu’au", "Coût", "payé par", "Aussi",
		"Ce plan est à vous. Nous l’avons fait ensemble, et rien ne se fait contre votre volonté. Vous pouvez demander à le changer ou à arrêter à tout moment. Gardez-le là où personne ne le lira sans votre accord ; vous pouvez aussi nous le laisser."},
	"ar": {"خطتنا", "النسخة", "اتفق عليها في", "نراجعها في", "الهدف", "في موعد أقصاه", "المسؤول", "حتى", "التكلفة", "يدفعها", "أيضًا",
		"هذه الخطة لك. وضعناها معًا، ولا يحدث شيء منها دون إرادتك. يمكنك أن تطلب تغييرها أو التوقف في أي وقت. احفظها حيث لا يقرؤها من لا تريد أن يقرأها، ويمكنك أيضًا أن تتركها عندنا."},
	"es": {"Nuestro plan", "Versión", "Acordado el", "Lo revisamos el", "Objetivo", "Para el", "Quién", "Hasta", "Costo", "lo paga", "Además",
		"Este plan es suyo. Lo hicimos juntos, y nada ocurre contra su voluntad. Puede pedir que se cambie o que se detenga en cualquier momento. Guárdelo donde no lo lea nadie que usted no quiera; también puede dejarlo con nosotros."},
}

// leaflet is a plan as it is handed out.
type leaflet struct {
	plan      *Plan
	language  string
	centre    string
	reference string               // the person's
	staff     map[uuid.UUID]string // names of those who are to do something
}

// newLeaflet gathers what a copy shows. asked is the language that was asked for; empty: the person's.
func newLeaflet(ctx context.Context, c *Case, p *Plan, asked string) (*leaflet, error) {
	b, err := beneficiary.Find(ctx, c.BeneficiaryID)
	if err != nil {
		return nil, err
	}
	house, err := db.Get[centre.Centre](ctx, c.CentreID.UUID())
	if err != nil {
		return nil, err
	}
	staff, err := namesOf(ctx, p.Actions)
	spoken := slices.Concat([]string{asked, b.InterviewLanguage}, b.Languages, house.Languages)
	return &leaflet{p, firstPrinted(spoken), house.Name, b.Reference, staff}, err
}

// firstPrinted is the first language (BCP 47) that copies are printed in, or English.
func firstPrinted(languages []string) string {
	for _, l := range languages {
		base, _, _ := strings.Cut(strings.ToLower(l), "-")
		if _, known := copyWords[base]; known {
			return base
		}
	}
	return codelist.English
}

// namesOf returns the names of staff who are to do something.
func namesOf(ctx context.Context, actions []Action) (map[uuid.UUID]string, error) {
	ids, names := []uuid.UUID{}, map[uuid.UUID]string{}
	for _, x := range actions {
		if x.ResponsibleID != nil {
			ids = append(ids, *x.ResponsibleID)
		}
	}
	if len(ids) == 0 {
		return names, nil
	}
	var found []struct {
		ID   uuid.UUID
		Name string
	}
	err := db.Tx(ctx).Raw("select id, name from users where id in ?", ids).Scan(&found).Error
	for _, u := range found {
		names[u.ID] = u.Name
	}
	return names, err
}

// draw lays a copy out on as many pages as it takes.
func (l *leaflet) draw() ([]byte, error) {
	d, err := print.New(print.A4, l.reference)
	if err != nil {
		return nil, err
	}
	page := d.Flow(18)
	for _, p := range l.paragraphs() {
		page.Space(p.above)
		page.Text(p.points, p.text)
	}
	var out bytes.Buffer
	err = d.Write(&out)
	return out.Bytes(), err
}

type paragraph struct {
	points, above float64 // millimetres
	text          string
}

const (
	heading = 20.0
	strong  = 13.0
	body    = 11.0
)

// paragraphs are what a copy says, in their order.
func (l *leaflet) paragraphs() []paragraph {
	w, p := copyWords[l.language], l.plan
	out := []paragraph{{heading, 0, w.title}, {body, 2, l.centre + " · " + l.reference + " · " + w.version + " " + strconv.Itoa(p.Number)}}
	for _, on := range []struct {
		what string
		day  *db.Date
	}{{w.agreedOn, p.AgreedOn}, {w.reviewOn, p.ReviewOn}} {
		if on.day != nil {
			out = append(out, paragraph{body, 1, on.what + " " + on.day.String()})
		}
	}
	if p.Summary != "" {
		out = append(out, paragraph{body, 3, p.Summary})
	}
	for i, g := range p.Goals {
		text := w.goal + " " + strconv.Itoa(i+1) + ": " + g.Description
		if g.TargetOn != nil {
			text += " (" + w.until + " " + g.TargetOn.String() + ")"
		}
		out = append(append(out, paragraph{strong, 5, text}), l.actions(&g.ID)...)
	}
	if rest := l.actions(nil); len(rest) > 0 {
		out = append(append(out, paragraph{strong, 5, w.others}), rest...)
	}
	return append(out, paragraph{body, 8, w.notice})
}

// actions are those that serve a goal, or none. What was dropped by agreement is not to be done any more.
func (l *leaflet) actions(goal *uuid.UUID) (out []paragraph) {
	w := copyWords[l.language]
	for _, x := range l.plan.Actions {
		if x.Status == "dropped" || (goal == nil) != (x.GoalID == nil) || goal != nil && *goal != *x.GoalID {
			continue
		}
		what := slices.DeleteFunc([]string{x.Description, codelist.Label("service_type", x.ServiceType, l.language)}, func(s string) bool { return s == "" })
		out = append(out, paragraph{body, 2, "• " + strings.Join(what, " – ")})
		terms := w.by + " " + x.DueOn.String()
		if who := l.who(x); who != "" {
			terms += " · " + w.who + ": " + who
		}
		if x.Cost != nil {
			terms += " · " + w.cost + ": " + x.Cost.String() + " " + x.Currency
		}
		if x.FundingSource != "" {
			terms += " (" + w.paidBy + " " + x.FundingSource + ")"
		}
		out = append(out, paragraph{body, 0.5, terms})
	}
	return out
}

// who is to do something: a member of staff by name, or whoever was written down.
func (l *leaflet) who(x Action) string {
	names := []string{x.Responsible}
	if x.ResponsibleID != nil {
		names = append(names, l.staff[*x.ResponsibleID])
	}
	return strings.Join(slices.DeleteFunc(names, func(s string) bool { return s == "" }), ", ")
}
