package intake

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// Command imports one file into every centre that it names rows of, from the command line. It
// needs no server: the work is done in this process.
type Command struct {
	File    string   // path
	Mapping string   // name of a mapping that comes with the server or that the centre keeps, or its id
	Centres []string // codes; none: all centres
	Options          // Mode DryRun where nothing is said
}

// Run imports the file centre by centre and writes a summary. A file that cannot be read, a
// mapping that does not fit and an unknown centre are errors; rejected rows are not.
func (c Command) Run(ctx context.Context, d *db.DB, out io.Writer) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	o := c.withDefaults()
	o.Format = cmp.Or(o.Format, sheet.FormatOf(c.File))
	got, err := accept(file, o)
	if err != nil {
		return err
	}
	defer got.Close()
	centres, err := c.centres(ctx, d)
	if err != nil {
		return err
	}
	var done []*Import
	for _, at := range centres {
		i, err := importReceived(ctx, d, at.ID, c.Mapping, got, o)
		if err != nil {
			return fmt.Errorf("%s: %w", at.Code, err)
		}
		done = append(done, i)
	}
	return summarise(out, centres, done, o.Language)
}

// ImportFile takes a file into one centre and returns when its import has ended. mapping is as in
// Command.
func ImportFile(ctx context.Context, d *db.DB, centre uuid.UUID, mapping string, file io.Reader, o Options) (*Import, error) {
	o = o.withDefaults()
	got, err := accept(file, o)
	if err != nil {
		return nil, err
	}
	defer got.Close()
	return importReceived(ctx, d, centre, mapping, got, o)
}

func (o Options) withDefaults() Options {
	o.Mode, o.Atomicity, o.Keep = cmp.Or(o.Mode, DryRun), cmp.Or(o.Atomicity, PerRow), cmp.Or(o.Keep, keepFiles)
	o.Duplicates = cmp.Or(o.Duplicates, Hold)
	return o
}

func importReceived(ctx context.Context, d *db.DB, centre uuid.UUID, mapping string, got *received, o Options) (*Import, error) {
	scope := db.Scope{Centres: []uuid.UUID{centre}, ActorID: o.By, ActorKind: string(auth.System), Operation: "command.import"}
	in := func(ctx context.Context, work func(context.Context) error) error { return d.InTx(ctx, scope, work) }
	if o.By != uuid.Nil {
		ctx = auth.With(ctx, &auth.Principal{Kind: auth.System, ID: o.By})
	}
	var i *Import
	err := in(ctx, func(ctx context.Context) error {
		m, err := findReading(ctx, mapping)
		if err != nil {
			return err
		}
		notes, err := fit(m.definition, got.header, o.Language)
		if err != nil {
			return err
		}
		i = newImport(centre, m, got, notes, o)
		return store(ctx, i, got)
	})
	if err != nil {
		return nil, err
	}
	r := &run{in: in, id: i.ID}
	if err := r.work(ctx); err != nil {
		return nil, err
	}
	return r.imp, nil
}

// centres finds the centres that the command names.
func (c Command) centres(ctx context.Context, d *db.DB) (found []centre.Centre, err error) {
	err = d.InTx(ctx, db.Scope{Network: true, ReadOnly: true, Operation: "command.import"}, func(ctx context.Context) error {
		return db.Tx(ctx).Order("code").Find(&found).Error
	})
	if err != nil || len(c.Centres) == 0 {
		return found, err
	}
	for _, code := range c.Centres {
		if !slices.ContainsFunc(found, func(at centre.Centre) bool { return strings.EqualFold(at.Code, code) }) {
			return nil, fmt.Errorf("there is no centre %s", code)
		}
	}
	return slices.DeleteFunc(found, func(at centre.Centre) bool {
		return !slices.ContainsFunc(c.Centres, func(code string) bool { return strings.EqualFold(at.Code, code) })
	}), nil
}

// summarise writes a line for each centre, and how often each fault was found.
func summarise(out io.Writer, centres []centre.Centre, done []*Import, language string) error {
	var text bytes.Buffer // takes everything; what can fail is to hand it over
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "centre\tstatus\trows\taccepted\tcreated\tunchanged\tchanged\tduplicates\trejected\tother centres\t")
	for k, i := range done {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", centres[k].Code, i.Status, i.Rows, i.Accepted, i.Created, i.Unchanged, i.Changed, i.Duplicates, i.Rejected, i.Skipped)
	}
	_ = w.Flush()
	for k, i := range done {
		if i.Failure != nil {
			fmt.Fprintf(&text, "%s: %s\n", centres[k].Code, i.Failure.V.Text(language))
		}
		for _, code := range sortedCodes(i.Errors.V) {
			fmt.Fprintf(&text, "%s: %d × %s\n", centres[k].Code, i.Errors.V[code], code)
		}
	}
	_, err := out.Write(text.Bytes())
	return err
}

func sortedCodes(tally map[sheet.Code]int) []sheet.Code {
	codes := make([]sheet.Code, 0, len(tally))
	for code := range tally {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}
