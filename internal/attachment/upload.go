package attachment

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"mime"
	"mime/multipart"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/casework"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/files"
)

// transaction runs work in a transaction of its own: an upload asks the database before and after,
// never while bytes arrive.
type transaction func(ctx context.Context, work func(context.Context) error) error

// within is the scope of the request, for transactions of its own.
func within(ctx context.Context) transaction {
	s := db.Current(ctx)
	return func(ctx context.Context, work func(context.Context) error) error {
		return s.DB().InTx(ctx, s.Scope(), work)
	}
}

// upload is one file on its way in.
type upload struct {
	*Service
	in      transaction
	owner   owner
	key     *string // Idempotency-Key
	written []*files.File
}

// receive takes a form in and answers the attachment that it makes, or made before. Whatever fails
// leaves nothing behind.
func (u *upload) receive(ctx context.Context, r *multipart.Reader) (*Attachment, error) {
	ctx, cancel := context.WithTimeout(ctx, files.WriteWithin)
	defer cancel()
	if err := u.in(ctx, u.admit); err != nil { // before anything is read
		return nil, err
	}
	f, part, err := readForm(r)
	if err != nil {
		return nil, err
	}
	a := u.begin(ctx, f)
	kept := a
	if err = u.write(ctx, a, f, part); err == nil {
		err = u.in(ctx, func(ctx context.Context) (err error) {
			kept, err = u.finish(ctx, a)
			return err
		})
	}
	if err != nil || kept != a {
		files.Discard(ctx, u.in, u.written...)
	}
	return kept, err
}

// admit judges whether the owner takes another attachment, and holds it until the transaction ends.
func (u *upload) admit(ctx context.Context) error { return u.owner.hold(ctx) }

func (u *upload) begin(ctx context.Context, f *form) *Attachment {
	a := &Attachment{Record: db.NewRecord(f.id), Kind: f.kind, Sensitivity: f.sensitivity, Label: f.label, AssessmentID: f.assessment, RequestKey: u.key, UploadedBy: auth.From(ctx).ID}
	u.owner.claim(a)
	if a.CaseID != nil {
		a.Sensitivity = normal // the case's own counts
	}
	return a
}

// write stores the file and fills in what is known of it.
func (u *upload) write(ctx context.Context, a *Attachment, f *form, part *multipart.Part) error {
	arrived := sha256.New()
	body := bufio.NewReaderSize(io.TeeReader(&limited{ctx, part, u.MaxSize}, arrived), sniffed)
	head, err := body.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return unreadable(err)
	}
	kind, err := recognise(head, part.Header.Get("Content-Type"), a.Kind)
	if err != nil {
		return err
	}
	if kind.image() {
		kind, err = u.writeImage(ctx, a, kind, body)
	} else {
		err = u.writeAsItIs(ctx, a, body)
	}
	if err != nil {
		return err
	}
	a.MediaType, a.FileName = kind.mediaType, cleanName(sentName(part), kind)
	a.ReceivedSHA256 = arrived.Sum(nil)
	if f.sha256 != "" && f.sha256 != hex.EncodeToString(a.ReceivedSHA256) {
		return fault.InvalidField("sha256", "checksum_disagrees", "What arrived is not what was sent. Send it again.")
	}
	return nil
}

// sentName is the name of a file with the folders that a path traversal would need; the standard
// library's own takes them for ours.
func sentName(part *multipart.Part) string {
	_, parameters, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return parameters["filename"]
}

func (u *upload) writeAsItIs(ctx context.Context, a *Attachment, body io.Reader) error {
	file, sum, err := u.store(ctx, body)
	if err != nil {
		return unreadable(err)
	}
	a.FileID, a.Size, a.SHA256 = &file.ID, file.Size, sum.Sum(nil)
	return nil
}

// writeImage holds an image whole: it is decoded anyway.
func (u *upload) writeImage(ctx context.Context, a *Attachment, f format, body io.Reader) (format, error) {
	raw, err := io.ReadAll(&limited{ctx, body, u.MaxImage})
	if err != nil {
		return f, unreadable(err)
	}
	p, err := u.studio.develop(ctx, raw, f)
	if err != nil {
		return f, err
	}
	if err := u.writeAsItIs(ctx, a, bytes.NewReader(p.content)); err != nil {
		return f, err
	}
	small, _, err := u.store(ctx, bytes.NewReader(p.thumbnail))
	if err != nil {
		return f, err
	}
	a.ThumbnailID, a.Width, a.Height = &small.ID, &p.width, &p.height
	return p.format, nil
}

// store writes one file under an entry of the ledger.
func (u *upload) store(ctx context.Context, content io.Reader) (*files.File, hash.Hash, error) {
	var file *files.File
	err := u.in(ctx, func(ctx context.Context) (err error) {
		file, err = u.Files.Reserve(ctx)
		return err
	})
	if err != nil {
		return nil, nil, db.Fault(err)
	}
	u.written = append(u.written, file)
	sum := sha256.New()
	err = u.Files.Write(ctx, file, io.TeeReader(content, sum))
	if err != nil && !errors.Is(err, files.ErrContent) {
		f := fault.New(fault.Unavailable, "storage_unavailable", "The file cannot be stored right now. Send it again shortly.").Because(err)
		f.RetryAfter = retryAfter
		return nil, nil, f
	}
	return file, sum, err
}

// finish makes the attachment visible, in one transaction with the entry of its files; or answers
// the one that the same upload made before.
func (u *upload) finish(ctx context.Context, a *Attachment) (*Attachment, error) {
	if err := u.admit(ctx); err != nil {
		return nil, err
	}
	before, err := repeated(ctx, a)
	if err != nil || before != nil {
		return before, err
	}
	if err := u.owner.fits(ctx, a); err != nil {
		return nil, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return nil, err
	}
	count, err := db.Count[Attachment](ctx, func(q *gorm.DB) *gorm.DB { return u.owner.where(q).Where("voided_at is null") })
	if err != nil {
		return nil, err
	}
	if count >= int64(policy.Attachments.Most) {
		return nil, fault.New(fault.Invalid, "too_many_attachments", "At most %d attachments are kept here. Void one that is not needed.", policy.Attachments.Most)
	}
	if err := files.Keep(ctx, u.written...); err != nil {
		return nil, err
	}
	return a, db.InsertAll(ctx, a)
}

// repeated finds what an earlier request of the same id or key has made: 409 or 422 when that one
// brought something else. Its maker need not be able to see it, having sent it.
func repeated(ctx context.Context, a *Attachment) (before *Attachment, err error) {
	err = casework.Lifted(ctx, func() error {
		var found []Attachment
		err := db.Tx(ctx).Where("uploaded_by = ? and (id = ? or request_key = ?)", a.UploadedBy, a.ID, a.RequestKey).
			Order(clause.OrderBy{Expression: clause.Expr{SQL: "id = ? desc", Vars: []any{a.ID}}}).Limit(1).Find(&found).Error
		if err != nil || len(found) == 0 {
			return err
		}
		before = &found[0]
		return nil
	})
	switch {
	case err != nil || before == nil || before.sameAs(a):
		return before, err
	case before.ID == a.ID:
		return nil, fault.New(fault.Conflict, "id_taken", "Something else is attached under this id already.").Add("id", "id_taken", "Choose a new UUID.")
	}
	return nil, keyReused()
}
