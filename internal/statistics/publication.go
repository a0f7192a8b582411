package statistics

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/statistics/disclosure"
)

// block is what is protected and published together.
type block struct {
	Cube        string
	CubeVersion int
	Audience    string
	Country     string
	Year        int
}

// How a publication came about.
const (
	First     = "first"
	Extension = "extension" // further months; all others as they were
	Revision  = "revision"  // corrected counts
)

// Publication is a frozen table: the counts it was made of, how they were protected, and which cells it hides. The
// highest number of a block is in force.
type Publication struct {
	ID          uuid.UUID
	Cube        string
	CubeVersion int
	Audience    string
	Country     string
	Year        int
	Number      int
	Kind        string
	ReleasedTo  db.Date // first day of the last month in it
	PublishedAt time.Time
	Profile     db.JSON[Profile]
	Facts       db.JSON[[]fact]
	Hidden      db.JSON[[][]string]
}

// TableName implements schema.Tabler.
func (Publication) TableName() string { return "statistics_publications" }

func (p Publication) block() block {
	return block{p.Cube, p.CubeVersion, p.Audience, p.Country, p.Year}
}

func (p Publication) released() Month { return MonthOf(p.ReleasedTo.Time) }

// table makes the published table again, with at least the given nationalities as members.
func (p Publication) table(c *Cube, nationalities []string) (*disclosure.Table, error) {
	cube, err := layout(c, p.Year, p.released(), nationalities)
	if err != nil {
		return nil, err
	}
	if err := fill(cube, p.Facts.V); err != nil {
		return nil, err
	}
	return disclosure.Restore(cube, p.Profile.V.control(), p.Hidden.V)
}

// errHeld says that a new table would tell of single persons beside what is published.
var errHeld = errors.New("statistics: revision held")

// draft is a publication in the making.
type draft struct {
	cube     *Cube
	block    block
	history  []Publication // from number 1
	present  []fact        // counts as they are now, of the months up to released
	released Month
	profile  Profile // of a first publication; later ones keep that of the block
}

// next works out the publication that is due: nil where none is, errHeld with what would be exposed where it must wait.
func (d draft) next() (*Publication, []disclosure.Exposure, error) {
	if len(d.history) == 0 {
		return d.protect(First, d.present, nil)
	}
	last := d.history[len(d.history)-1]
	d.profile = last.Profile.V
	if last.released() < d.released {
		facts := slices.Clone(last.Facts.V)
		for _, f := range d.present {
			if m, _ := ParseMonth(f.Month); m > last.released() {
				facts = append(facts, f)
			}
		}
		return d.protect(Extension, facts, &last)
	}
	if slices.Equal(last.Facts.V, d.present) {
		return nil, nil, nil
	}
	return d.protect(Revision, d.present, &last)
}

// protect makes a publication of the facts. What the last one showed or hid of unchanged cells stays so.
func (d draft) protect(kind string, facts []fact, last *Publication) (*Publication, []disclosure.Exposure, error) {
	members := d.nationalities(facts)
	cube, err := layout(d.cube, d.block.Year, d.released, members)
	if err != nil {
		return nil, nil, err
	}
	if err := fill(cube, facts); err != nil {
		return nil, nil, err
	}
	var before *disclosure.Table
	if last != nil {
		if before, err = last.table(d.cube, members); err != nil {
			return nil, nil, err
		}
	}
	table, err := disclosure.ProtectAfter(cube, d.profile.control(), before)
	if err != nil && kind == Revision {
		return nil, nil, errors.Join(errHeld, err)
	}
	if err != nil {
		return nil, nil, err
	}
	if found, err := d.exposed(kind, table, members); err != nil || len(found) > 0 {
		return nil, found, errors.Join(errHeld, err)
	}
	return d.publication(kind, facts, table), nil, nil
}

func (d draft) nationalities(facts []fact) []string {
	all := [][]fact{facts}
	for _, p := range d.history {
		all = append(all, p.Facts.V)
	}
	return nationalitiesOf(all...)
}

// exposed compares a new table with every table that was ever in force with other counts.
func (d draft) exposed(kind string, table *disclosure.Table, members []string) ([]disclosure.Exposure, error) {
	kinds := []string{kind} // of what follows each publication
	for _, p := range slices.Backward(d.history) {
		kinds = append(kinds, p.Kind)
	}
	slices.Reverse(kinds)
	var all []disclosure.Exposure
	for i, p := range d.history {
		if kinds[i+1] == Extension {
			continue // it shows all of it, and more
		}
		old, err := p.table(d.cube, members)
		if err != nil {
			return nil, err
		}
		found, err := disclosure.Difference(old, table)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (d draft) publication(kind string, facts []fact, table *disclosure.Table) *Publication {
	return &Publication{
		ID: db.NewID(), Cube: d.block.Cube, CubeVersion: d.block.CubeVersion, Audience: d.block.Audience, Country: d.block.Country, Year: d.block.Year,
		Number: len(d.history) + 1, Kind: kind, ReleasedTo: db.NewDate(d.released.First()), PublishedAt: db.Now(),
		Profile: db.JSON[Profile]{V: d.profile}, Facts: db.JSON[[]fact]{V: facts}, Hidden: db.JSON[[][]string]{V: table.Hidden()},
	}
}

// Outcome tells what Publish did.
type Outcome int

// The outcomes.
const (
	Unchanged Outcome = iota // nothing was due
	Published
	Held // a revision waits: it would tell of single persons
)

// publish brings one block up to date and returns the publication in force. Of many that try at once, one wins; the
// others get its table. It fails with the 422 `not_released` where nothing of the year is out of the embargo.
func (s *Service) publish(ctx context.Context, b block) (*Publication, Outcome, error) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	d, err := s.draft(ctx, b)
	if err != nil {
		return nil, Unchanged, err
	}
	outcome := Unchanged
	for { // an extension may leave a revision due
		p, exposures, err := d.next()
		if errors.Is(err, errHeld) {
			last := &d.history[len(d.history)-1]
			return last, cmp.Or(outcome, Held), s.hold(ctx, b, len(exposures))
		}
		if err != nil {
			return nil, outcome, err
		}
		if p == nil {
			return &d.history[len(d.history)-1], outcome, nil
		}
		if d.history, err = s.store(ctx, *p); err != nil {
			return nil, outcome, err
		}
		outcome = Published
	}
}

func (s *Service) draft(ctx context.Context, b block) (draft, error) {
	s.forget()
	e, err := s.edition(ctx)
	if err != nil {
		return draft{}, err
	}
	profile := e.profiles[b.Audience]
	until := min(released(s.Now(), profile.EmbargoDays), NewMonth(b.Year, 12))
	first, registers := e.first[b.Country]
	if !profile.Released || b.Audience == Internal || !registers || b.Year < first.Year() || until < NewMonth(b.Year, 1) {
		return draft{}, notReleased(released(s.Now(), profile.EmbargoDays))
	}
	cube, ok := cubeOf(b.Cube)
	if !ok {
		return draft{}, fault.Missing()
	}
	d := draft{cube: cube, block: b, profile: profile, released: until}
	err = s.write(ctx, func(ctx context.Context) error {
		d.history, err = history(ctx, b)
		return err
	})
	if err != nil {
		return d, err
	}
	if n := len(d.history); n > 0 && d.history[n-1].released() > until { // a longer embargo takes nothing back
		d.released = d.history[n-1].released()
	}
	d.present, err = s.present(ctx, b, d.released)
	return d, err
}

// store adds a publication unless another process was first, and returns the block's history as it is then.
func (s *Service) store(ctx context.Context, p Publication) (all []Publication, err error) {
	err = s.write(ctx, func(ctx context.Context) error {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into statistics_publications (`+publicationHead+`, profile, facts, hidden)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			on conflict on constraint statistics_publications_number_key do nothing`,
			p.ID, p.Cube, p.CubeVersion, p.Audience, p.Country, p.Year, p.Number, p.Kind, p.ReleasedTo.Time, p.PublishedAt, p.Profile, p.Facts, p.Hidden)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, "delete from statistics_holds where (cube, cube_version, audience, country, year) = ($1, $2, $3, $4, $5)",
			p.Cube, p.CubeVersion, p.Audience, p.Country, p.Year); err != nil {
			return err
		}
		all, err = history(ctx, p.block())
		return err
	})
	s.forget()
	return all, err
}

// hold notes that a revision waits.
func (s *Service) hold(ctx context.Context, b block, findings int) error {
	slog.WarnContext(ctx, "statistics revision held", "audience", b.Audience, "country", b.Country, "year", b.Year, "findings", findings)
	return s.write(ctx, func(ctx context.Context) error {
		return db.Tx(ctx).Exec(`insert into statistics_holds (id, cube, cube_version, audience, country, year, held_at, findings)
			values (?, ?, ?, ?, ?, ?, ?, ?)
			on conflict on constraint statistics_holds_block_key do update set held_at = excluded.held_at, findings = excluded.findings
			where statistics_holds.findings <> excluded.findings`,
			db.NewID(), b.Cube, b.CubeVersion, b.Audience, b.Country, b.Year, db.Now(), findings).Error
	})
}

// write runs fn where publications may be written: on the primary, in the name of whoever asked, and with no centre
// in reach.
func (s *Service) write(ctx context.Context, fn func(context.Context) error) error {
	session := db.Current(ctx)
	if session == nil {
		return db.ErrOutsideSession
	}
	scope := session.Scope()
	scope.Centres, scope.Network, scope.ReadOnly, scope.AuditReads = nil, true, false, false
	return session.DB().InTx(ctx, scope, fn)
}
