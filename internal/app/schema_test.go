package app_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/app"
	"github.com/waystation/waystation/internal/app/apptest"
	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/events"
	"github.com/waystation/waystation/internal/httpd"
	"github.com/waystation/waystation/internal/jobs"
	"github.com/waystation/waystation/migrations"
)

// untrailed are the tables whose rows leave no line in the trail, each with its reason.
var untrailed = map[string]string{
	"audit_events":             "the trail itself",
	"audit_seals":              "its seal",
	"audit_checkpoints":        "its signatures",
	"audit_subjects":           "its index",
	"events":                   "written beside the change that the trail has",
	"epochs":                   "set by migrations",
	"exported_people":          "who left with an export that the trail has",
	"goose_db_version":         "set by migrations",
	"stored_answers":           "answers of requests that the trail has; kept for a day",
	"refresh_tokens":           "secrets; their session is in the trail",
	"revocations":              "follow from a change that the trail has; kept as long as a token lives",
	"merge_rows":               "which rows a merge moved; the trail has each row's change",
	"beneficiary_keys":         "derived from the name that the trail has",
	"case_states":              "derived from cases, which the trail has",
	"case_counters":            "numbers that references use up",
	"import_files":             "the file as it was sent; its import is in the trail",
	"stored_files":             "where bytes lie; what refers to them is in the trail",
	"import_people":            "lines of that file while it is tried; deleted with the run",
	"import_people_keys":       "likewise",
	"import_rows":              "lines of that file; what they become is in the trail",
	"import_sources":           "which line became whom; both are in the trail",
	"stat_centres":             "derived",
	"stat_registrations":       "derived",
	"stat_registration_deltas": "derived",
	"stat_registrations_kept":  "derived, and must not name anybody",
	"stat_recounts":            "a measurement",
	"statistics_profiles":      "set by migrations",
	"reserved_references":      "the numbers of a block that the trail has",
	"service_changes":          "derived from changes that the trail has",
	"service_reminders":        "which days were told of; each is in the feed",
	"service_sites":            "derived from services, which the trail has",
	"service_coverage":         "likewise",
	"stock_balances":           "derived from movements that the trail has",
	"stock_counters":           "numbers that documents use up",
	"stock_recounts":           "a measurement",
	"timeline":                 "derived from rows that the trail has",
	"webhook_deliveries":       "messages of changes that the trail has; their attempts are in their own log",
	"shipped_forms":            "files of the product, stored when it migrates",
}

// keyedOtherwise are tenant tables whose primary key does not begin with the centre.
var keyedOtherwise = map[string]string{
	"centres":                  "a centre is its own tenant",
	"stat_registration_deltas": "waits to be counted, without an identity of its own",
	"stat_registrations_kept":  "counts, without an identity of their own",
}

// open are the network's tables that every session may read.
var open = map[string]string{
	"organisations":       "who works in the network is known to everybody who signs in",
	"revocations":         "ids that every process must refuse",
	"statistics_profiles": "rules of publication",
	"shipped_forms":       "the network's forms, for every centre",
	"service_reminders":   "which days were told of: ids and dates",
	"service_sites":       "where services are given: ids",
	"service_coverage":    "what services cover: ids and P-codes",
	"epochs":              "order of the trail and the feed",
	"goose_db_version":    "the schema's version; the server's role cannot read it",
}

// definers are the functions that work with their owner's rights, each with what keeps it safe.
var definers = map[string]string{
	"redact_trail":              "only inside the scope; erases values, leaves a line",
	"centres_numbering":         "a trigger: prepares the numbering of a new centre",
	"next_reference":            "takes the next number, nothing else",
	"search_beneficiaries":      "intersects the centres that it is given with the scope",
	"duplicate_candidates":      "answers nothing for a centre outside the scope",
	"analyse_imported":          "tells the planner of sizes, shows nothing",
	"merge_move":                "only inside the scope; moves rows from the duplicate of a merge to its survivor and notes each",
	"merge_households":          "only inside the scope; ends the duplicate's membership",
	"merge_made":                "only inside the scope; notes a row",
	"merge_undo":                "only inside the scope; puts back what a merge noted",
	"referral_moved":            "a trigger: history, events and the case's count of the referral that moved",
	"referral_message_told":     "a trigger: the event of the message that was posted",
	"partner_open":              "only through the partner's own window; leaves a line in the ledger",
	"partner_hold":              "only through the partner's own window; takes a lock, shows nothing",
	"referral_destination":      "answers the id and the referral policy of one centre",
	"transfer_answer":           "only for a transfer to a centre in the scope; locks, ends and gives out one case",
	"transfer_destination":      "answers the id, the name and the organisation of one centre",
	"transfer_document":         "in a centre of the scope, ties a procedure that has no document to an attachment of its own case",
	"chronicle_row":             "a trigger: the timeline's entries of the row that changed",
	"stock_posted":              "a trigger: the balances of the movements that were written",
	"place_in_line":             "answers a number: how many wait before somebody",
	"service_hold_moved":        "a trigger: counts of the service, events, and who is next",
	"service_capacity_changed":  "a trigger: the row of places of a new service, and who is next where there are more",
	"referral_place":            "a trigger: the place that is held for the referral that moved",
	"partner_read_messages":     "only through the partner's own window; writes the ledger, shows nothing",
	"stock_reserved":            "a trigger: what the balances promise, of the reservation that was made or let go",
	"stock_transfer_receive":    "only for a transfer to a centre in the scope; takes what was accepted off its sender's road",
	"referral_deliver":          "only what a centre in the scope has just sent; writes the receiver's row",
	"referral_hold_sender":      "only for an inbound referral in the scope; takes locks, shows nothing",
	"referral_carried":          "a trigger: the same move on the other side's row",
	"referral_message_carried":  "a trigger: the message on the other side",
	"referral_read":             "only for inbound referrals in the scope; writes the sender's ledger",
	"referral_forget_completed": "only inside the scope; forgets what was told",
}

type table struct {
	name                                   string
	tenant, enabled, forced, policy, trail bool
	key                                    []string
}

func tables(t *testing.T, h *apptest.House) []table {
	t.Helper()
	list := collect[table](t, h, `select c.relname, exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'centre_id' and not a.attisdropped),
		c.relrowsecurity, c.relforcerowsecurity, exists (select from pg_policy p where p.polrelid = c.oid),
		exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgfoid = 'trail_row'::regproc and g.tgenabled = 'O'),
		array(select a.attname::text from pg_index i, unnest(i.indkey) with ordinality k (n, at) join pg_attribute a on a.attrelid = c.oid and a.attnum = k.n
			where i.indrelid = c.oid and i.indisprimary order by k.at)
		from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`,
		func(x *table) []any {
			return []any{&x.name, &x.tenant, &x.enabled, &x.forced, &x.policy, &x.trail, &x.key}
		})
	if len(list) < 20 {
		t.Fatalf("found only %d tables", len(list))
	}
	return list
}

// collect reads rows of the catalogue as the owner.
func collect[T any](t *testing.T, h *apptest.House, sql string, to func(*T) []any, args ...any) []T {
	t.Helper()
	rows, err := h.Owner.Query(context.Background(), sql, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x T, err error) { return x, row.Scan(to(&x)...) })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSchema_EveryTenantTableIsWalledTrailedAndKeyedByItsCentre(t *testing.T) {
	exceptions := []map[string]string{maps.Clone(untrailed), maps.Clone(keyedOtherwise), maps.Clone(open)}
	for _, x := range tables(t, apptest.New(t)) {
		if x.tenant || open[x.name] == "" {
			if !x.enabled || !x.forced || !x.policy {
				t.Errorf("%s: row-level security enabled %v, forced %v, with a policy %v", x.name, x.enabled, x.forced, x.policy)
			}
		}
		if x.trail == (untrailed[x.name] != "") {
			t.Errorf("%s: in the trail %v, on the list of exceptions %v", x.name, x.trail, !x.trail)
		}
		if byCentre := len(x.key) > 0 && x.key[0] == "centre_id"; x.tenant && byCentre == (keyedOtherwise[x.name] != "") {
			t.Errorf("%s: primary key %v", x.name, x.key)
		}
		for _, list := range exceptions {
			delete(list, x.name)
		}
	}
	for _, list := range exceptions {
		for name := range list {
			t.Errorf("%s is an exception and does not exist", name)
		}
	}
}

func TestSchema_NoReferenceCanPointIntoAnotherCentre(t *testing.T) {
	type reference struct {
		name, from, to string
		pairs          []string
	}
	tenant := map[string]bool{}
	h := apptest.New(t)
	for _, x := range tables(t, h) {
		tenant[x.name] = x.tenant
	}
	list := collect[reference](t, h, `select k.conname, f.relname, r.relname, array(select a.attname || '=' || b.attname
		from unnest(k.conkey, k.confkey) p (mine, theirs) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.mine
		join pg_attribute b on b.attrelid = k.confrelid and b.attnum = p.theirs)
		from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class r on r.oid = k.confrelid
		where k.contype = 'f' and k.connamespace = 'public'::regnamespace`,
		func(x *reference) []any { return []any{&x.name, &x.from, &x.to, &x.pairs} })
	if len(list) < 20 {
		t.Fatalf("found only %d foreign keys", len(list))
	}
	for _, x := range list {
		if tenant[x.from] && tenant[x.to] && x.to != "centres" && !slices.Contains(x.pairs, "centre_id=centre_id") {
			t.Errorf("%s of %s refers to %s by %v: it must carry the centre", x.name, x.from, x.to, x.pairs)
		}
	}
}

func TestSchema_NoUniqueIndexTellsOfAnotherCentre(t *testing.T) {
	type index struct {
		name    string
		columns []string
	}
	list := collect[index](t, apptest.New(t), `select i.indexrelid::regclass::text, array(select a.attname::text from unnest(i.indkey) k (n) join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n)
		from pg_index i join pg_class c on c.oid = i.indrelid join pg_attribute t on t.attrelid = c.oid and t.attname = 'centre_id'
		where c.relnamespace = 'public'::regnamespace and i.indisunique and not i.indisprimary and c.relname <> 'centres'`,
		func(x *index) []any { return []any{&x.name, &x.columns} })
	if len(list) < 10 {
		t.Fatalf("found only %d indexes", len(list))
	}
	for _, x := range list {
		if !slices.Contains(x.columns, "centre_id") {
			t.Errorf("%s is unique over %v: a violation would betray that a row exists elsewhere", x.name, x.columns)
		}
	}
}

func TestSchema_TheServersRolesOwnNothingAndPassNoWall(t *testing.T) {
	h := apptest.New(t)
	for _, role := range []string{db.AppRole, db.StatisticsRole} {
		var super, bypass, creates bool
		var owned int
		h.Scan(`select r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication, r.rolbypassrls,
			has_schema_privilege(r.oid, 'public', 'create') or has_schema_privilege(r.oid, 'river', 'create'),
			(select count(*) from pg_class c where c.relowner = r.oid) + (select count(*) from pg_proc p where p.proowner = r.oid)
			from pg_roles r where r.rolname = $1`, []any{role}, &super, &bypass, &creates, &owned)
		if super || bypass || creates || owned != 0 {
			t.Errorf("%s: privileged %v, passes row-level security %v, may create %v, owns %d things", role, super, bypass, creates, owned)
		}
	}
	type grant struct{ table, privilege string }
	for _, g := range collect[grant](t, h, `select table_name, privilege_type from information_schema.role_table_grants
		where grantee = $1 and table_schema = 'public' and (privilege_type in ('TRUNCATE', 'TRIGGER', 'REFERENCES')
		or table_name like 'audit\_%' and privilege_type not in ('SELECT', 'INSERT'))`,
		func(x *grant) []any { return []any{&x.table, &x.privilege} }, db.AppRole) {
		t.Errorf("the server's role may %s %s", g.privilege, g.table)
	}
}

func TestSchema_EveryFunctionWithItsOwnersRightsWasReviewed(t *testing.T) {
	type function struct {
		name   string
		pinned bool
	}
	list := collect[function](t, apptest.New(t), `select p.proname, coalesce(array_to_string(p.proconfig, ' ') like '%search_path=%', false)
		from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef order by 1`,
		func(x *function) []any { return []any{&x.name, &x.pinned} })
	for _, f := range list {
		if definers[f.name] == "" || !f.pinned {
			t.Errorf("%s works with its owner's rights: reviewed %v, search path pinned %v", f.name, definers[f.name] != "", f.pinned)
		}
	}
	if len(list) != len(definers) {
		t.Errorf("%d functions, %d on the list", len(list), len(definers))
	}
}

func TestSchema_EveryResourceOfTheFeedHasItsScope(t *testing.T) {
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	may, scopes := httpd.Permissions(spec), events.Resources()
	resources := collect[string](t, apptest.New(t), `select distinct split_part(encode(tgargs, 'escape'), '\000', 1) from pg_trigger
		where not tgisinternal and tgname in ('trail', 'feed', 'case_feed') and split_part(encode(tgargs, 'escape'), '\000', 1) <> '' order by 1`,
		func(x *string) []any { return []any{x} })
	if len(resources) < 10 {
		t.Fatalf("found only %v", resources)
	}
	for _, resource := range resources {
		if scope := scopes[resource]; !may.HasScope(scope) {
			t.Errorf("%s is in the feed, but the scope that opens it is %q", resource, scope)
		}
	}
	for resource, scope := range maps.All(scopes) {
		if !may.HasScope(scope) {
			t.Errorf("the changes of %s ask for %s, which is no scope", resource, scope)
		}
	}
}

func TestMigrations_GoUpDownAndUpAgain(t *testing.T) {
	h := apptest.New(t)
	ctx, url := context.Background(), h.App.Config.DatabaseOwnerURL.Reveal()
	first := shape(t, h)
	if err := db.Unmigrate(ctx, url, migrations.FS); err != nil {
		t.Fatal(err)
	}
	if left := strings.Join(shape(t, h), "\n"); left != "goose_db_version id integer\ngoose_db_version is_applied boolean\ngoose_db_version tstamp timestamp without time zone\ngoose_db_version version_id bigint" {
		t.Errorf("the way down leaves %s", left)
	}
	if err := app.Migrate(ctx, url); err != nil {
		t.Fatal(err)
	}
	if again := shape(t, h); !slices.Equal(first, again) {
		t.Errorf("the second way up leads elsewhere:\n%v\n%v", first, again)
	}
	if waits, err := jobs.Pending(ctx, url); err != nil || waits {
		t.Errorf("the queue is not back: %v", err)
	}
}

// shape lists tables with columns, functions, policies, triggers and constraints of our schemas.
func shape(t *testing.T, h *apptest.House) []string {
	return collect[string](t, h, `select x from (
		select table_name || ' ' || column_name || ' ' || data_type from information_schema.columns where table_schema in ('public', 'river') and table_name !~ '^pg_'
		union all select p.oid::regprocedure::text from pg_proc p where p.pronamespace in (select oid from pg_namespace where nspname in ('public', 'river'))
			and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
		union all select 'policy ' || policyname || ' on ' || tablename || ' ' || coalesce(qual, '') || coalesce(with_check, '') from pg_policies where schemaname = 'public'
		union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass from pg_trigger where not tgisinternal
		union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace and conname !~ '^goose'
		) all_of_it (x) where x is not null order by 1`, func(x *string) []any { return []any{x} })
}
