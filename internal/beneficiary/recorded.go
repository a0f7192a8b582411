package beneficiary

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
)

// recorded is what stands about a person beside their record: that something was recorded, by the
// names of fields, and what of it a search finds.
type recorded struct {
	Fields                   []string
	Names, Documents, Phones []string
}

func (b *Beneficiary) has(field string) bool { return slices.Contains(b.recorded.Fields, field) }

// A household and a caregiver count while they last; what is restricted counts for whoever may see it.
const recall = `
select array(
    select 'documents' where exists (select from identity_documents d where d.centre_id = p.centre_id and d.beneficiary_id = p.id and d.voided_at is null)
    union all select 'contacts' where exists (select from contacts c where c.centre_id = p.centre_id and c.beneficiary_id = p.id and c.voided_at is null)
    union all select 'journey' where exists (select from journey_legs l where l.centre_id = p.centre_id and l.beneficiary_id = p.id and l.voided_at is null)
    union all select 'specific_needs' where exists (select from specific_needs n where n.centre_id = p.centre_id and n.beneficiary_id = p.id)
    union all select 'functional_difficulties' where exists (select from functional_assessments f where f.centre_id = p.centre_id and f.beneficiary_id = p.id and f.voided_at is null)
    union all select 'screening' where exists (select from vulnerability_screenings s where s.centre_id = p.centre_id and s.beneficiary_id = p.id and s.voided_at is null)
    union all select 'household' where exists (select from household_members m where m.centre_id = p.centre_id and m.beneficiary_id = p.id and m.left_on is null)
    union all select 'separation_status' where exists (select from separations s where s.centre_id = p.centre_id and s.beneficiary_id = p.id and s.ended_on is null and s.voided_at is null)
    union all select 'care_arrangement' where exists (select from care_arrangements a where a.centre_id = p.centre_id and a.beneficiary_id = p.id and a.ended_on is null and a.voided_at is null)
    union all select 'caregiver' where exists (select from care_arrangements a where a.centre_id = p.centre_id and a.beneficiary_id = p.id and a.ended_on is null and a.voided_at is null
        and (a.caregiver_id is not null or a.caregiver_name <> ''))
      or exists (select from relationships r where r.centre_id = p.centre_id and r.ended_on is null and r.voided_at is null
        and (r.beneficiary_id = p.id and r.care = 'relative' or r.relative_id = p.id and r.care = 'beneficiary'))),
  array(select btrim(n.given_name || ' ' || n.family_name) from beneficiary_names n where n.centre_id = p.centre_id and n.beneficiary_id = p.id and n.voided_at is null order by n.id),
  array(select d.number from identity_documents d where d.centre_id = p.centre_id and d.beneficiary_id = p.id and d.voided_at is null and d.number <> ''),
  array(select c.value from contacts c where c.centre_id = p.centre_id and c.beneficiary_id = p.id and c.voided_at is null and c.kind not in ('email', 'social_media'))
from beneficiaries p where p.centre_id = any (scope_centres()) and p.id = $1`

// recallAll reads what is recorded about the person beside their record.
func (b *Beneficiary) recallAll(ctx context.Context) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	r := &b.recorded
	return tx.QueryRow(ctx, recall, b.ID).Scan(&r.Fields, &r.Names, &r.Documents, &r.Phones)
}

// Reindex brings up to date what searches find a person by, after names, documents or contacts were
// recorded, voided or moved to another person. The person is held by the caller. It is no change of
// the record: the version stays.
func Reindex(ctx context.Context, b *Beneficiary) error {
	if err := b.recallAll(ctx); err != nil {
		return err
	}
	name, keys := b.index()
	return db.Tx(ctx).Exec("update beneficiaries set search_name = ?, search_keys = ? where centre_id = any (scope_centres()) and id = ?", name, db.Strings(keys), b.ID).Error
}

// Correct changes a person who is held, as a merge patch does: 409 when the record is closed, 422 when the change
// breaks a rule. Searches find what is new, and so do those who keep the queue of duplicates.
func Correct(ctx context.Context, b *Beneficiary, change func()) error {
	policy, _, err := centre.ActivePolicy(ctx) // a record is kept true in every phase
	if err != nil {
		return err
	}
	if err := b.recallAll(ctx); err != nil {
		return err
	}
	was := *b
	if err := (Terms{Policy: policy.Registration}).Amend(b, change); err != nil {
		return err
	}
	if err := db.Save(ctx, b); err != nil || !b.foundOtherwise(&was) {
		return err
	}
	return Queue(ctx, policy.Registration.DuplicateRules(), "change", *b)
}

// Completeness is what a registration still lacks, by names of fields.
type Completeness struct {
	Person   *Beneficiary
	Child    bool     // is, or may be, under 18 today, where the centre is
	Sop      []string // asked for at the person's level
	Children []string // asked of every child, whatever the procedures say
	Full     []string // what a full registration would need beside it
}

// CompletenessOf tells what a person's registration lacks under the centre's procedures of today.
func CompletenessOf(ctx context.Context, id uuid.UUID, t Terms) (*Completeness, error) {
	b, err := db.One[Beneficiary](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ? and status <> ?", id, Merged) })
	if err != nil {
		return nil, err
	}
	if err := b.recallAll(ctx); err != nil {
		return nil, err
	}
	day, err := today(ctx)
	if err != nil {
		return nil, err
	}
	child := b.childOn(day.Time)
	c := &Completeness{Person: b, Child: child, Sop: t.lacks(b, b.RegistrationLevel, child)}
	if c.Child {
		c.Children = slices.DeleteFunc(slices.Clone(ofChildren), func(field string) bool { return b.answered(field) || slices.Contains(c.Sop, field) })
	}
	c.Full = slices.DeleteFunc(t.lacks(b, "full", child), func(field string) bool { return slices.Contains(c.Sop, field) || slices.Contains(c.Children, field) })
	return c, nil
}
