package centre

import (
	"encoding/json"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/codelist"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toCentre(c *Centre) api.Centre {
	return api.Centre{
		ID: c.ID, Version: c.Version, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
		Code: c.Code, Name: c.Name, OrganisationID: c.OrganisationID, Country: c.Country, Pcode: wire.Opt(c.Pcode),
		Latitude: c.Latitude, Longitude: c.Longitude, TimeZone: c.TimeZone, Languages: wire.List([]string(c.Languages)),
		Typologies: wire.List([]string(c.Typologies)), PrimaryTypology: wire.Opt(c.PrimaryTypology),
		AccessModes: wire.List([]string(c.AccessModes)), Services: wire.List([]string(c.Services)),
		Capacity: c.Capacity, SiteAreaM2: c.SiteAreaM2, LivingAreaM2: c.LivingAreaM2, Toilets: c.Toilets, Showers: c.Showers,
		WaterLitresPerDay: c.WaterLitresPerDay, Phase: c.Phase, ManagementModel: c.ManagementModel,
	}
}

func fromCentreCreate(b api.CentreCreate) Centre {
	return Centre{
		Global: db.NewGlobal(b.ID), OrganisationID: b.OrganisationID, Code: b.Code, Name: b.Name, Country: b.Country,
		Pcode: wire.Value(b.Pcode), Latitude: b.Latitude, Longitude: b.Longitude, TimeZone: b.TimeZone,
		Languages: b.Languages, Typologies: b.Typologies, PrimaryTypology: wire.Value(b.PrimaryTypology),
		AccessModes: b.AccessModes, Services: b.Services, Capacity: b.Capacity, SiteAreaM2: b.SiteAreaM2,
		LivingAreaM2: b.LivingAreaM2, Toilets: b.Toilets, Showers: b.Showers, WaterLitresPerDay: b.WaterLitresPerDay,
		Phase: b.Phase, ManagementModel: b.ManagementModel,
	}
}

func (c *Centre) patch(b api.CentrePatch) {
	wire.Set(&c.Name, b.Name)
	wire.Clear(&c.Pcode, b.Pcode)
	wire.SetNull(&c.Latitude, b.Latitude)
	wire.SetNull(&c.Longitude, b.Longitude)
	wire.Set(&c.TimeZone, b.TimeZone)
	wire.SetList(&c.Languages, b.Languages)
	wire.SetList(&c.Typologies, b.Typologies)
	wire.Clear(&c.PrimaryTypology, b.PrimaryTypology)
	wire.SetList(&c.AccessModes, b.AccessModes)
	wire.SetList(&c.Services, b.Services)
	wire.SetNull(&c.Capacity, b.Capacity)
	wire.SetNull(&c.SiteAreaM2, b.SiteAreaM2)
	wire.SetNull(&c.LivingAreaM2, b.LivingAreaM2)
	wire.SetNull(&c.Toilets, b.Toilets)
	wire.SetNull(&c.Showers, b.Showers)
	wire.SetNull(&c.WaterLitresPerDay, b.WaterLitresPerDay)
}

func toPhase(p *Phase, current uuid.UUID) api.CentrePhase {
	return api.CentrePhase{
		ID: p.ID, Version: p.Version, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Phase: p.Phase, StartsOn: wire.ToDate(p.StartsOn),
		Note: wire.Opt(p.Note), Current: p.ID == current, VoidedAt: p.VoidedAt, VoidReason: wire.Opt(p.VoidReason),
	}
}

func toManagementModel(m *ManagementModel, current uuid.UUID) api.ManagementModel {
	return api.ManagementModel{
		ID: m.ID, Version: m.Version, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, Model: m.Model, OrganisationID: m.OrganisationID,
		StartsOn: wire.ToDate(m.StartsOn), Note: wire.Opt(m.Note), Current: m.ID == current, VoidedAt: m.VoidedAt, VoidReason: wire.Opt(m.VoidReason),
	}
}

func toSOP(s *SOP) (api.SOP, error) {
	policy, err := toPolicy(s.Policy.V.completed())
	return api.SOP{
		ID: s.ID, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt, Number: s.Number, Title: s.Title, Status: api.SOPStatus(s.Status),
		DraftedBy: s.DraftedBy, ActivatedBy: s.ActivatedBy, ActivatedAt: s.ActivatedAt, SupersededAt: s.SupersededAt, Policy: policy,
	}, err
}

// toPolicy relies on the policy and its schema having the same names: both come out of JSON.
func toPolicy(p Policy) (out api.SOPPolicy, err error) {
	raw, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

// replace puts the given parts in the place of the policy's own; the spec has each part whole.
func (p *Policy) replace(parts *api.SOPPolicyPatch) error {
	if parts == nil {
		return nil
	}
	raw, err := json.Marshal(parts)
	if err != nil {
		return err
	}
	if parts.ClosureChecklist != nil { // a list is replaced, also by an empty one, and no entry is mixed with the one before it
		p.Closure = nil
	}
	if parts.ConsentStatements != nil {
		p.Consent = nil
	}
	if parts.Orientation != nil {
		p.Orientation = nil
	}
	if parts.HouseRules != nil {
		p.HouseRules = nil
	}
	return json.Unmarshal(raw, p)
}

func toDiff(changes []Change) api.SOPDiff {
	out := api.SOPDiff{Changes: make([]api.SOPChange, len(changes))}
	for i, c := range changes {
		out.Changes[i] = api.SOPChange{Pointer: c.Pointer, Before: c.Before, After: c.After}
	}
	return out
}

func (s *selection) toAPI(lang string, all bool, active *bool) api.CentreCodelist {
	l := s.list
	out := api.CentreCodelist{Name: l.Name, Title: l.Title(lang), Topic: l.Topic, Version: l.Version, Fixed: l.Fixed,
		ParentList: wire.Opt(l.ParentList), Entries: []api.CentreCode{}}
	for _, e := range l.Entries {
		if on := s.active(e.Code); active == nil || *active == on {
			out.Entries = append(out.Entries, s.entry(e, lang, all))
		}
	}
	return out
}

func (s *selection) entry(e codelist.Entry, lang string, all bool) api.CentreCode {
	out := api.CentreCode{Code: e.Code, Label: s.label(e, lang), Parent: wire.Opt(e.Parent), Extra: e.Extra,
		Active: s.active(e.Code), Relabelled: len(s.rows[e.Code].Labels.V) > 0}
	if all {
		labels := map[string]string{}
		for _, l := range codelist.Languages() {
			labels[l] = s.label(e, l)
		}
		out.Labels = codelist.ToLabels(labels)
	}
	return out
}

func fromWishes(b api.CentreCodelistPatch) map[string]wish {
	wishes := map[string]wish{}
	for code, p := range b.Codes {
		w := wish{active: p.Active, labels: map[string]*string{}}
		if p.Labels != nil {
			for lang, label := range map[string]nullable.Nullable[string]{
				codelist.English: p.Labels.En, codelist.French: p.Labels.Fr, codelist.Arabic: p.Labels.Ar, codelist.Spanish: p.Labels.Es,
			} {
				if label.IsSpecified() {
					var own *string
					wire.SetNull(&own, label)
					w.labels[lang] = own
				}
			}
		}
		wishes[code] = w
	}
	return wishes
}
