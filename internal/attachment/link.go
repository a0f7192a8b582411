package attachment

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/waystation/waystation/internal/auth"
	"github.com/waystation/waystation/internal/centre"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
)

// link is the right to open one attachment for one purpose until a moment, on behalf of whoever
// asked for it. It is not stored: its signature is what makes it good.
type link struct {
	centre, attachment, maker uuid.UUID
	purpose                   purpose
	until                     time.Time
}

// linkPurpose keeps the signatures of links apart from others of the same keys.
const linkPurpose = "attachment link"

// linkBytes are a link's: purpose, moment in Unix seconds, three ids, and a signature behind them.
const (
	linkBytes      = 1 + 8 + 3*16
	signatureBytes = 32
)

// write makes the last part of the link's URL.
func (l link) write(s Signer) string {
	raw := make([]byte, 0, linkBytes+signatureBytes)
	raw = append(raw, l.purpose[0])
	raw = binary.BigEndian.AppendUint64(raw, uint64(l.until.Unix()))
	for _, id := range []uuid.UUID{l.centre, l.attachment, l.maker} {
		raw = append(raw, id[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(append(raw, s.Sign(linkPurpose, raw)...))
}

// readLink reads what write wrote; false for anything that we have not signed.
func readLink(s Signer, text string) (l link, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != linkBytes+signatureBytes || !s.Verify(linkPurpose, raw[:linkBytes], raw[linkBytes:]) {
		return link{}, false
	}
	l.purpose = forContent
	if raw[0] == forThumbnail[0] {
		l.purpose = forThumbnail
	}
	l.until = time.Unix(int64(binary.BigEndian.Uint64(raw[1:9])), 0).UTC()
	copy(l.centre[:], raw[9:])
	copy(l.attachment[:], raw[25:])
	copy(l.maker[:], raw[41:])
	return l, true
}

// newLink makes a link for the caller and leaves a line in the trail that says so.
func newLink(ctx context.Context, a *Attachment, p purpose) (link, error) {
	if _, err := a.file(p); err != nil {
		if fault.Is(err, fault.NotFound) {
			err = fault.InvalidField("/purpose", "no_thumbnail", "This is no image, so that it has no thumbnail.")
		}
		return link{}, err
	}
	policy, _, err := centre.ActivePolicy(ctx)
	if err != nil {
		return link{}, err
	}
	until := db.Now().Truncate(time.Second).Add(time.Duration(policy.Attachments.LinkMinutes) * time.Minute)
	l := link{centre: a.CentreID.UUID(), attachment: a.ID, maker: auth.From(ctx).ID, purpose: p, until: until}
	return l, db.Tx(ctx).Exec("insert into audit_events (centre_id, action, resource, subject_ids, after) values (?, 'link', 'attachments', array[?]::uuid[], jsonb_build_object('purpose', ?::text, 'expires_at', ?::timestamptz))",
		l.centre, a.ID, string(p), until).Error
}

// follow opens what a link leads to, as its maker: what they may not see any more, it does not show.
func (s *Service) follow(ctx context.Context, text string, asked conditions) (*download, error) {
	l, ok := readLink(s.signer, text)
	if !ok {
		return nil, fault.Missing()
	}
	if !db.Now().Before(l.until) {
		return nil, fault.New(fault.Gone, "link_expired", "This link has expired. Ask for another one.")
	}
	session := db.Current(ctx)
	scope := session.Scope()
	scope.Centres, scope.ActorID, scope.ActorKind, scope.AuditReads = []uuid.UUID{l.centre}, l.maker, string(auth.User), true
	in := func(ctx context.Context, work func(context.Context) error) error {
		return session.DB().InTx(ctx, scope, work)
	}
	return s.open(ctx, in, l.purpose, asked, func(ctx context.Context) (*Attachment, error) {
		var active bool
		if err := db.Tx(ctx).Raw("select active from users where id = ?", l.maker).Scan(&active).Error; err != nil {
			return nil, err
		}
		if !active {
			return nil, fault.Missing()
		}
		return db.One[Attachment](ctx, func(q *gorm.DB) *gorm.DB { return q.Where("id = ?", l.attachment) })
	})
}
