package casework

import (
	"github.com/google/uuid"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/wire"
)

func toBestInterest(x *BestInterest) api.BestInterest {
	return api.BestInterest{
		ID: x.ID, Version: x.Version, CreatedAt: x.CreatedAt, UpdatedAt: x.UpdatedAt, CaseID: x.CaseID, Kind: api.BestInterestKind(x.Kind), KnownAs: wire.Opt(x.KnownAs),
		Agency: wire.Opt(x.Agency), Trigger: x.Trigger, Question: wire.Opt(x.Question), Options: wire.Each(x.Options.V, toOption), ChildsViews: wire.Opt(x.ChildsViews),
		Panel: wire.Each(x.Panel.V, toPanellist), DocumentID: x.DocumentID, ReviewOn: wire.ToOptDate(x.ReviewOn), Status: api.BestInterestStatus(x.Status),
		Outcome: wire.Opt(x.Outcome), Decision: wire.Opt(x.Decision), DecidedAt: x.DecidedAt, DecidedBy: x.DecidedBy, ReviewsID: x.ReviewsID, CreatedBy: x.CreatedBy,
		VoidReason: wire.Opt(x.VoidReason), VoidedAt: x.VoidedAt, VoidedBy: x.VoidedBy,
	}
}

func toOption(o *BestInterestOption) api.BestInterestOption {
	return api.BestInterestOption{Option: o.Option, Considerations: wire.Opt(o.Considerations)}
}

func fromOption(o *api.BestInterestOption) BestInterestOption {
	return BestInterestOption{Option: o.Option, Considerations: wire.Value(o.Considerations)}
}

func toPanellist(p *Panellist) api.BestInterestPanellist {
	return api.BestInterestPanellist{Name: p.Name, Role: wire.Opt(p.Role), Organisation: wire.Opt(p.Organisation)}
}

func fromPanellist(p *api.BestInterestPanellist) Panellist {
	return Panellist{Name: p.Name, Role: wire.Value(p.Role), Organisation: wire.Value(p.Organisation)}
}

func fromBestInterestCreate(b api.BestInterestCreate, c *Case, by *uuid.UUID) *BestInterest {
	return &BestInterest{Record: db.NewRecord(b.ID), CaseID: c.ID, Kind: string(b.Kind), KnownAs: wire.Value(b.KnownAs), Agency: wire.Value(b.Agency), Trigger: b.Trigger,
		Question: wire.Value(b.Question), Options: db.JSON[[]BestInterestOption]{V: wire.Each(b.Options, fromOption)}, ChildsViews: wire.Value(b.ChildsViews),
		Panel: db.JSON[[]Panellist]{V: wire.Each(b.Panel, fromPanellist)}, DocumentID: b.DocumentID, ReviewOn: wire.OptDate(b.ReviewOn), Status: draft, CreatedBy: by}
}

func (x *BestInterest) patch(b api.BestInterestPatch) {
	wire.Set(&x.Kind, (*string)(b.Kind))
	wire.Clear(&x.KnownAs, b.KnownAs)
	wire.Clear(&x.Agency, b.Agency)
	wire.Clear(&x.Question, b.Question)
	if b.Options != nil {
		x.Options.V = wire.Each(b.Options, fromOption)
	}
	wire.Clear(&x.ChildsViews, b.ChildsViews)
	if b.Panel != nil {
		x.Panel.V = wire.Each(b.Panel, fromPanellist)
	}
	wire.SetNull(&x.DocumentID, b.DocumentID)
	clearDate(&x.ReviewOn, b.ReviewOn)
}
