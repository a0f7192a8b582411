package intake

import (
	"bytes"
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

// received is a file that was read to its end without a fault of the file itself.
type received struct {
	header    []string
	delimiter rune
	rows      int
	size      int64
	sha256    []byte
	pieces    [][]byte // gzip
}

// receive reads a whole file: what is wrong with it shows before anybody waits for an import. The
// error is a *sheet.ReadError, or that of the reader. Memory holds the compressed file.
func receive(r io.Reader, o sheet.CSVOptions) (*received, error) {
	p := newPacker()
	csv, err := sheet.NewCSV(io.TeeReader(r, p), o)
	if err != nil {
		return nil, err
	}
	got := &received{header: csv.Header(), delimiter: csv.Delimiter()}
	for {
		_, err := csv.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		got.rows++
	}
	got.size, got.sha256, got.pieces = p.size, p.sum.Sum(nil), p.finish()
	return got, nil
}

// packer compresses what is written to it and takes its measure.
type packer struct {
	zip  *gzip.Writer
	out  bytes.Buffer
	sum  hash.Hash
	size int64
}

func newPacker() *packer {
	p := &packer{sum: sha256.New()}
	p.zip, _ = gzip.NewWriterLevel(&p.out, gzip.BestSpeed)
	return p
}

func (p *packer) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	_, _ = p.sum.Write(b)
	return p.zip.Write(b)
}

func (p *packer) finish() [][]byte {
	_ = p.zip.Close() // writes to memory
	var pieces [][]byte
	for p.out.Len() > 0 {
		pieces = append(pieces, p.out.Next(pieceSize))
	}
	return pieces
}

// storeFile keeps a file's pieces beside its import.
func storeFile(ctx context.Context, i *Import, pieces [][]byte) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	for seq, data := range pieces {
		_, err := tx.Exec(ctx, "insert into import_files (centre_id, import_id, seq, data) values ($1, $2, $3, $4)", i.CentreID.UUID(), i.ID, seq, data)
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteFile removes the personal data of a file that nothing needs any more.
func deleteFile(ctx context.Context, i *Import) error {
	tx, err := db.Pgx(ctx)
	if err != nil {
		return err
	}
	i.FileUntil = nil
	_, err = tx.Exec(ctx, "delete from import_files where centre_id = $1 and import_id = $2", i.CentreID.UUID(), i.ID)
	return err
}

// transaction runs work in one transaction inside the centre of an import.
type transaction func(ctx context.Context, work func(context.Context) error) error

// openFile reads a stored file as it was sent. Each piece is a transaction of its own, so that
// none stays open while rows are worked on.
func openFile(ctx context.Context, in transaction, centre, id uuid.UUID) (io.Reader, error) {
	return gzip.NewReader(&pieces{ctx: ctx, in: in, centre: centre, id: id})
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
