package beneficiary

import (
	"cmp"
	"context"
	"net/http"

	openapi_types "github.com/oapi-codegen/runtime/types"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/export"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/wire"
)

// Handlers answer the operations of this domain.
type Handlers struct{}

// ListBeneficiaries returns one page of people, the best matches of a search, or all as a stream.
func (Handlers) ListBeneficiaries(ctx context.Context, req api.ListBeneficiariesRequestObject) (api.ListBeneficiariesResponseObject, error) {
	p := req.Params
	media := wire.Media(ctx)
	if err := together(p, media); err != nil {
		return nil, err
	}
	switch {
	case media != wire.JSON:
		return exportPeople(ctx, filterOf(p), cmp.Or(string(wire.Value(p.Sort)), "-created_at")), nil
	case p.Q != nil:
		return searchResult(ctx, p)
	}
	page, err := list(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), filterOf(p))
	if err != nil {
		return nil, err
	}
	return document(page), nil
}

// document is an answer that is JSON already.
type document db.Document

// VisitListBeneficiariesResponse implements api.ListBeneficiariesResponseObject.
func (d document) VisitListBeneficiariesResponse(w http.ResponseWriter) error {
	return wire.Send(w, db.Document(d))
}

// VisitGetBeneficiaryResponse implements api.GetBeneficiaryResponseObject.
func (d document) VisitGetBeneficiaryResponse(w http.ResponseWriter) error {
	return wire.Send(w, db.Document(d))
}

// together refuses parameters that have no meaning beside each other.
func together(p api.ListBeneficiariesParams, media string) error {
	bad := fault.New(fault.Malformed, "parameters_exclude_each_other", "These parameters do not go together; see errors.")
	paging := func(why string) {
		if p.Cursor != nil {
			bad.Add("cursor", "not_here", why)
		}
		if wire.Value(p.IncludeTotal) {
			bad.Add("include_total", "not_here", why)
		}
	}
	switch {
	case media != wire.JSON:
		paging("An export has all rows.")
		if p.Q != nil {
			bad.Add("q", "not_here", "A search cannot be exported.")
		}
	case p.Q != nil:
		paging("A search answers its best matches on one page.")
		if p.Sort != nil {
			bad.Add("sort", "not_here", "A search answers the best matches first.")
		}
	}
	return bad.Err()
}

func filterOf(p api.ListBeneficiariesParams) Filter {
	f := Filter{
		IDs: p.ID, RegisteredFrom: wire.OptDate(p.RegisteredFrom), RegisteredTo: wire.OptDate(p.RegisteredTo), ReceptionFrom: wire.OptDate(p.ReceptionFrom),
		ReceptionTo: wire.OptDate(p.ReceptionTo), Sex: p.Sex, Nationality: p.Nationality, CountryOfOrigin: p.CountryOfOrigin,
		PopulationType: p.PopulationType, RegistrationLevel: p.RegistrationLevel, UpdatedSince: p.UpdatedSince, Status: Active,
	}
	if p.Status != nil {
		f.Status = string(*p.Status)
	}
	return f
}

func searchResult(ctx context.Context, p api.ListBeneficiariesParams) (api.ListBeneficiariesResponseObject, error) {
	found, err := search(ctx, *p.Q, wire.Value(p.Limit), filterOf(p))
	if err != nil {
		return nil, err
	}
	out := api.BeneficiaryPage{Data: make([]api.Beneficiary, len(found)), NextCursor: wire.Next("")}
	for i := range found {
		out.Data[i] = toListed(&found[i].Beneficiary)
		out.Data[i].Score = &found[i].Score
	}
	return api.ListBeneficiaries200JSONResponse(out), nil
}

// CreateBeneficiary registers a person.
func (Handlers) CreateBeneficiary(ctx context.Context, req api.CreateBeneficiaryRequestObject) (api.CreateBeneficiaryResponseObject, error) {
	b, err := register(ctx, fromCreate(*req.Body))
	if err != nil {
		return nil, err
	}
	return api.CreateBeneficiary201JSONResponse{Body: toBeneficiary(b), Headers: api.CreateBeneficiary201ResponseHeaders{
		ETag: wire.ETag(b.Version), Location: wire.Path(req.CentreID, "beneficiaries", b.ID),
	}}, nil
}

// GetBeneficiary returns one person's record.
func (Handlers) GetBeneficiary(ctx context.Context, req api.GetBeneficiaryRequestObject) (api.GetBeneficiaryResponseObject, error) {
	person, err := db.GetJSON(ctx, req.ID, shown)
	if err != nil {
		return nil, err
	}
	return document(person), nil
}

// UpdateBeneficiary applies a merge patch to a person's record.
func (Handlers) UpdateBeneficiary(ctx context.Context, req api.UpdateBeneficiaryRequestObject) (api.UpdateBeneficiaryResponseObject, error) {
	b, err := db.Lock[Beneficiary](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := Correct(ctx, b, func() { b.patch(*req.Body) }); err != nil {
		return nil, err
	}
	return api.UpdateBeneficiary200JSONResponse{Body: toBeneficiary(b), Headers: api.UpdateBeneficiary200ResponseHeaders{ETag: wire.ETag(b.Version)}}, nil
}

// VoidBeneficiary hides a record that was made in error.
func (Handlers) VoidBeneficiary(ctx context.Context, req api.VoidBeneficiaryRequestObject) (api.VoidBeneficiaryResponseObject, error) {
	b, err := db.Lock[Beneficiary](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := b.void(ctx, req.Body.Reason); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, b); err != nil {
		return nil, err
	}
	return api.VoidBeneficiary200JSONResponse{Body: toBeneficiary(b), Headers: api.VoidBeneficiary200ResponseHeaders{ETag: wire.ETag(b.Version)}}, nil
}

// ListSpecificNeeds returns one page of a person's needs, as far as the caller may know of them.
func (Handlers) ListSpecificNeeds(ctx context.Context, req api.ListSpecificNeedsRequestObject) (api.ListSpecificNeedsResponseObject, error) {
	p := req.Params
	page, err := listNeeds(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), req.ID, p.Active)
	if err == nil && len(page.Rows) == 0 {
		err = Here(ctx, req.ID)
	}
	if err != nil {
		return nil, err
	}
	out := api.SpecificNeedPage{Data: make([]api.SpecificNeed, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toNeed(&page.Rows[i])
	}
	return api.ListSpecificNeeds200JSONResponse(out), nil
}

// RecordSpecificNeed adds a need of a person. The answer is what was sent: whoever records a
// restricted need may not be among those who read it.
func (Handlers) RecordSpecificNeed(ctx context.Context, req api.RecordSpecificNeedRequestObject) (api.RecordSpecificNeedResponseObject, error) {
	b, err := Hold(ctx, req.ID)
	if err != nil {
		return nil, err
	}
	n := fromNeedCreate(*req.Body)
	n.BeneficiaryID, n.IdentifiedBy = b.ID, actor(ctx)
	if err := n.Validate(latest()); err != nil {
		return nil, err
	}
	if err := db.InsertAll(ctx, &n); err != nil {
		return nil, err
	}
	return api.RecordSpecificNeed201JSONResponse{Body: toNeed(&n), Headers: api.RecordSpecificNeed201ResponseHeaders{
		ETag: wire.ETag(n.Version), Location: wire.Path(req.CentreID, "beneficiaries", b.ID, "needs", n.ID),
	}}, nil
}

// GetSpecificNeed returns one need that the caller may know of.
func (Handlers) GetSpecificNeed(ctx context.Context, req api.GetSpecificNeedRequestObject) (api.GetSpecificNeedResponseObject, error) {
	n, err := findNeed(ctx, req.ID, req.NeedID)
	if err != nil {
		return nil, err
	}
	return api.GetSpecificNeed200JSONResponse{Body: toNeed(n), Headers: api.GetSpecificNeed200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// UpdateSpecificNeed applies a merge patch to a need.
func (Handlers) UpdateSpecificNeed(ctx context.Context, req api.UpdateSpecificNeedRequestObject) (api.UpdateSpecificNeedResponseObject, error) {
	n, err := lockNeed(ctx, req.ID, req.NeedID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := n.open(); err != nil {
		return nil, err
	}
	n.patch(*req.Body)
	if err := n.Validate(latest()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, n); err != nil {
		return nil, err
	}
	return api.UpdateSpecificNeed200JSONResponse{Body: toNeed(n), Headers: api.UpdateSpecificNeed200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// EndSpecificNeed closes a need.
func (Handlers) EndSpecificNeed(ctx context.Context, req api.EndSpecificNeedRequestObject) (api.EndSpecificNeedResponseObject, error) {
	n, err := lockNeed(ctx, req.ID, req.NeedID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	on, err := dayOr(ctx, req.Body.EndedOn)
	if err != nil {
		return nil, err
	}
	if err := n.End(on, latest()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, n); err != nil {
		return nil, err
	}
	return api.EndSpecificNeed200JSONResponse{Body: toNeed(n), Headers: api.EndSpecificNeed200ResponseHeaders{ETag: wire.ETag(n.Version)}}, nil
}

// dayOr is the day that was given, or today where the centre is.
func dayOr(ctx context.Context, d *openapi_types.Date) (db.Date, error) {
	if d != nil {
		return wire.Date(*d), nil
	}
	return today(ctx)
}

// ListHouseholds returns one page of households.
func (Handlers) ListHouseholds(ctx context.Context, req api.ListHouseholdsRequestObject) (api.ListHouseholdsResponseObject, error) {
	p, status := req.Params, Active
	if p.Status != nil {
		status = string(*p.Status)
	}
	f := householdFilter{status, p.BeneficiaryID}
	if export.Wanted(ctx) {
		return exportHouseholds(ctx, f, cmp.Or(string(wire.Value(p.Sort)), "-created_at")), export.Whole(p.Cursor, p.IncludeTotal)
	}
	page, err := listHouseholds(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "-created_at"), f)
	if err != nil {
		return nil, err
	}
	out := api.HouseholdPage{Data: make([]api.Household, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toHousehold(&page.Rows[i])
	}
	return api.ListHouseholds200JSONResponse(out), nil
}

// CreateHousehold forms a household, with members where they are given.
func (Handlers) CreateHousehold(ctx context.Context, req api.CreateHouseholdRequestObject) (api.CreateHouseholdResponseObject, error) {
	day, err := today(ctx)
	if err != nil {
		return nil, err
	}
	h := Household{Record: db.NewRecord(req.Body.ID), DeclaredSize: req.Body.DeclaredSize, Note: wire.Value(req.Body.Note)}
	members := make([]HouseholdMember, len(req.Body.Members))
	for i, m := range req.Body.Members {
		members[i] = fromMemberCreate(m, day)
	}
	if err := FormHousehold(ctx, &h, members); err != nil {
		return nil, err
	}
	return api.CreateHousehold201JSONResponse{Body: toHousehold(&h), Headers: api.CreateHousehold201ResponseHeaders{
		ETag: wire.ETag(h.Version), Location: wire.Path(req.CentreID, "households", h.ID),
	}}, nil
}

// GetHousehold returns one household.
func (Handlers) GetHousehold(ctx context.Context, req api.GetHouseholdRequestObject) (api.GetHouseholdResponseObject, error) {
	h, err := db.Get[Household](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	return api.GetHousehold200JSONResponse{Body: toHousehold(h), Headers: api.GetHousehold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// UpdateHousehold applies a merge patch to a household.
func (Handlers) UpdateHousehold(ctx context.Context, req api.UpdateHouseholdRequestObject) (api.UpdateHouseholdResponseObject, error) {
	h, err := db.Lock[Household](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.open(); err != nil {
		return nil, err
	}
	h.patch(*req.Body)
	if err := h.checkHead(ctx); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, h); err != nil {
		return nil, err
	}
	return api.UpdateHousehold200JSONResponse{Body: toHousehold(h), Headers: api.UpdateHousehold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// VoidHousehold hides a household that was made in error and ends its memberships.
func (Handlers) VoidHousehold(ctx context.Context, req api.VoidHouseholdRequestObject) (api.VoidHouseholdResponseObject, error) {
	h, err := db.Lock[Household](ctx, req.ID, req.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.open(); err != nil {
		return nil, err
	}
	day, err := today(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.dissolve(ctx, req.Body.Reason, day); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, h); err != nil {
		return nil, err
	}
	return api.VoidHousehold200JSONResponse{Body: toHousehold(h), Headers: api.VoidHousehold200ResponseHeaders{ETag: wire.ETag(h.Version)}}, nil
}

// ListHouseholdMembers returns one page of a household's members.
func (Handlers) ListHouseholdMembers(ctx context.Context, req api.ListHouseholdMembersRequestObject) (api.ListHouseholdMembersResponseObject, error) {
	p := req.Params
	active := p.Active == nil || *p.Active
	page, err := listMembers(ctx, wire.Listing(p.Limit, p.Cursor, p.Sort, p.IncludeTotal, "created_at"), req.ID, active)
	if err == nil && len(page.Rows) == 0 {
		err = present(ctx, "households", req.ID)
	}
	if err != nil {
		return nil, err
	}
	out := api.HouseholdMemberPage{Data: make([]api.HouseholdMember, len(page.Rows)), NextCursor: wire.Next(page.Next), Total: page.Total}
	for i := range page.Rows {
		out.Data[i] = toMember(&page.Rows[i])
	}
	return api.ListHouseholdMembers200JSONResponse(out), nil
}

// AddHouseholdMember makes a person a member of a household.
func (Handlers) AddHouseholdMember(ctx context.Context, req api.AddHouseholdMemberRequestObject) (api.AddHouseholdMemberResponseObject, error) {
	day, err := today(ctx)
	if err != nil {
		return nil, err
	}
	m := fromMemberCreate(*req.Body, day)
	if err := JoinHousehold(ctx, req.ID, &m); err != nil {
		return nil, err
	}
	return api.AddHouseholdMember201JSONResponse{Body: toMember(&m), Headers: api.AddHouseholdMember201ResponseHeaders{
		ETag: wire.ETag(m.Version), Location: wire.Path(req.CentreID, "households", req.ID, "members", m.ID),
	}}, nil
}

// GetHouseholdMember returns one membership.
func (Handlers) GetHouseholdMember(ctx context.Context, req api.GetHouseholdMemberRequestObject) (api.GetHouseholdMemberResponseObject, error) {
	m, err := findMember(ctx, req.ID, req.MemberID)
	if err != nil {
		return nil, err
	}
	return api.GetHouseholdMember200JSONResponse{Body: toMember(m), Headers: api.GetHouseholdMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}

// EndHouseholdMember records that a member left.
func (Handlers) EndHouseholdMember(ctx context.Context, req api.EndHouseholdMemberRequestObject) (api.EndHouseholdMemberResponseObject, error) {
	h, err := db.LockAny[Household](ctx, req.ID)
	if err != nil {
		return nil, err
	}
	m, err := db.Lock[HouseholdMember](ctx, req.MemberID, req.Params.IfMatch)
	if err == nil && m.HouseholdID != h.ID {
		err = fault.Missing()
	}
	if err != nil {
		return nil, err
	}
	on, err := dayOr(ctx, req.Body.LeftOn)
	if err != nil {
		return nil, err
	}
	if err := h.leave(m, on, latest()); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, m); err != nil {
		return nil, err
	}
	if err := db.Save(ctx, h); err != nil {
		return nil, err
	}
	return api.EndHouseholdMember200JSONResponse{Body: toMember(m), Headers: api.EndHouseholdMember200ResponseHeaders{ETag: wire.ETag(m.Version)}}, nil
}
