package intake

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/intake/sheet"
)

// pieceSize is how much of a compressed file one row of the database holds, in bytes.
const pieceSize = 256 << 10

// received is a file that was read to its end without a fault of the file itself. Whoever has it closes it.
type received struct {
	described
	header []string
	rows   int
	size   int64
	sha256 []byte
	stored *spool // compressed rows
}

// described is what a file turned out to be.
type described struct {
	format    sheet.Format
	sheet     string // of a workbook
	encoding  string // of a text
	delimiter string // of CSV
	notes     []sheet.Issue
}

// Close lets the rows go.
func (got *received) Close() error { return got.stored.Close() }

// receive reads a whole file: what is wrong with it shows before anybody waits for an import. Memory holds a
// row, however large the file is. The error is a *sheet.ReadError, an uploadError, or the server's own.
func receive(file io.Reader, o Options) (*received, error) {
	stored, err := newSpool()
	if err != nil {
		return nil, err
	}
	got := &received{stored: stored}
	if err := got.read(&meter{from: file, sum: sha256.New()}, o); err != nil {
		return nil, errors.Join(err, got.Close())
	}
	return got, nil
}

func (got *received) read(file *meter, o Options) (err error) {
	rows, err := got.open(file, o)
	if err != nil {
		return err
	}
	if c, ok := rows.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	zip, err := gzip.NewWriterLevel(got.stored, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if got.rows, err = sheet.StoreRows(zip, rows); err != nil {
		return err
	}
	got.header, got.size, got.sha256 = rows.Header(), file.size, file.sum.Sum(nil)
	return zip.Close()
}

// open begins to read a file in its format.
func (got *received) open(file *meter, o Options) (sheet.Records, error) {
	got.format = cmp.Or(o.Format, sheet.FormatCSV)
	switch got.format {
	case sheet.FormatXLSX:
		w, err := openWorkbook(file, o.Sheet)
		if err != nil {
			return nil, err
		}
		got.sheet = w.Sheet()
		return w, nil
	case sheet.FormatNDJSON:
		n, err := sheet.NewNDJSON(file, sheet.NDJSONOptions{Encoding: o.Encoding})
		if err != nil {
			return nil, err
		}
		got.encoded(n.Encoding())
		return n, nil
	}
	c, err := sheet.NewCSV(file, sheet.CSVOptions{Encoding: o.Encoding, Delimiter: o.Delimiter})
	if err != nil {
		return nil, err
	}
	got.encoded(c.Encoding())
	got.delimiter = string(c.Delimiter())
	return c, nil
}

// encoded notes how a text was read, and where that is a guess.
func (d *described) encoded(name string, guessed bool) {
	d.encoding = name
	if guessed {
		d.notes = append(d.notes, sheet.NewIssue(sheet.EncodingGuessed, "", "", map[string]string{"encoding": name}))
	}
}

// workbook is a spreadsheet, which can only be read once all of it is there.
type workbook struct {
	*sheet.Workbook
	content *spool
}

func openWorkbook(file io.Reader, name string) (w *workbook, err error) {
	content, err := newSpool()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, content.Close())
		}
	}()
	if _, err := io.Copy(content, file); err != nil {
		return nil, err
	}
	all, err := content.reader()
	if err != nil {
		return nil, err
	}
	read, err := sheet.NewWorkbook(all, all.Size(), sheet.WorkbookOptions{Sheet: name})
	if err != nil {
		return nil, err
	}
	return &workbook{read, content}, nil
}

// Close lets the spreadsheet go.
func (w *workbook) Close() error { return errors.Join(w.Workbook.Close(), w.content.Close()) }

// meter takes the measure of a file as it is read, and ends one that is too large.
type meter struct {
	from io.Reader
	sum  hash.Hash
	size int64
}

// uploadError says that a file did not arrive.
type uploadError struct{ error }

func (e uploadError) Unwrap() error { return e.error }

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	_, _ = m.sum.Write(p[:n]) // never fails
	if m.size += int64(n); m.size > maxFile {
		return 0, &sheet.ReadError{Code: sheet.FileTooLarge, Limit: maxFile}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = uploadError{err}
	}
	return n, err
}

// content is what is kept of a file: a sheet as sheet.OpenStored reads it, compressed. Of some formats the header
// is known only after the rows; as a gzip file may have several members, it is put in front of them all the same.
func (got *received) content() (io.Reader, error) {
	rows, err := got.stored.reader()
	if err != nil {
		return nil, err
	}
	var header bytes.Buffer
	zip := gzip.NewWriter(&header)
	if err := errors.Join(sheet.StoreHeader(zip, got.header), zip.Close()); err != nil {
		return nil, err
	}
	return io.MultiReader(&header, rows), nil
}

// storeFile keeps the rows of a file beside its import, a piece at a time.
func storeFile(ctx context.Context, i *Import, got *received) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	content, err := got.content()
	if err != nil {
		return err
	}
	piece := make([]byte, pieceSize)
	for seq := 0; ; seq++ {
		n, err := io.ReadFull(content, piece)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		_, err = tx.Exec(ctx, "insert into import_files (centre_id, import_id, seq, data) values ($1, $2, $3, $4)", i.CentreID.UUID(), i.ID, seq, piece[:n])
		if err != nil {
			return err
		}
	}
}

// deleteFile removes the personal data of a file that nothing needs any more.
func deleteFile(ctx context.Context, i *Import) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	i.FileUntil = nil
	if _, err = tx.Exec(ctx, "delete from import_files where centre_id = $1 and import_id = $2", i.CentreID.UUID(), i.ID); err != nil {
		return err
	}
	return deletePeople(ctx, i)
}

// transaction runs work in one transaction inside the centre of an import.
type transaction func(ctx context.Context, work func(context.Context) error) error

// openRows reads the stored rows of a file. Each piece is a transaction of its own, so that none stays open
// while rows are worked on.
func openRows(ctx context.Context, in transaction, centre, id uuid.UUID) (sheet.Records, error) {
	file, err := gzip.NewReader(&pieces{ctx: ctx, in: in, centre: centre, id: id})
	if err != nil {
		return nil, err
	}
	return sheet.OpenStored(file)
}

type pieces struct {
	ctx        context.Context
	in         transaction
	centre, id uuid.UUID
	seq        int
	rest       []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		if err := p.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// fetch reads the next piece. A failure of the database must not look like the end of the file, as a
// lost connection does, so nothing is wrapped.
func (p *pieces) fetch() error {
	err := p.in(p.ctx, func(ctx context.Context) error {
		tx, err := db.Pgx(ctx)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, "select data from import_files where centre_id = $1 and import_id = $2 and seq = $3", p.centre, p.id, p.seq).Scan(&p.rest)
	})
	p.seq++
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return io.EOF
	case err != nil:
		return fmt.Errorf("intake: piece %d of the file: %v", p.seq, err)
	}
	return nil
}
