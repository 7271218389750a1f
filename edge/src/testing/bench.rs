//! A site on a workbench: the real writer on a real database, with time and ids in the hand of the test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use outpost_config::RulesHandle;
use outpost_firmware_bridge::zpl::{Density, Length, Media};
use outpost_model::authority::Authority;
use outpost_model::command::{CaseCommand, Command, SiteCommand, Subject};
use outpost_model::header::{Header, HeaderLine, PartialRule, Promise, Service};
use outpost_model::id::{CaseId, ChannelId, CommandId, DeviceId, LineNo, OrderId, SiteId, Sku, StaffId};
use outpost_model::money::Money;
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;
use outpost_sync::{Incoming, Outgoing, Query};
use uuid::Uuid;

use super::hub::ScriptedHub;
use crate::ids::Ids;
use crate::moment::Moment;
use crate::site::{DefaultPrinter, Retention, Site};
use crate::store::identity::Enrollment;
use crate::store::product::{Product, ProductBarcode};
use crate::store::vault::Vault;
use crate::store::{self, StoreResult};
use crate::write::{Answer, Committed, Core, FateUnknown, Heard, HubTime, Job, Limits};

/// The SKU that cases made by [`header`] ask for.
pub const CASE_SKU: &str = "SKU-1";

/// A site on a workbench. Mistakes in a script panic: it is for tests only.
pub struct Bench {
    /// The writer.
    pub core: Core,
    /// Where ids come from.
    pub ids: Ids,
    /// The time.
    pub now: Moment,
    /// The hub's half.
    pub hub: ScriptedHub,
    path: PathBuf,
}

impl Bench {
    /// A new site in a folder that exists: enrolled, without products.
    pub fn new(folder: &Path) -> Self {
        Self::with(site(&folder.join("outpost.db")), Limits::default())
    }

    /// A stocked site whose clocks show the system's time.
    pub fn live(folder: &Path, units: u32) -> Self {
        let mut bench = Self::new(folder);
        bench.now = super::served::system_now();
        bench.stock(units);
        bench
    }

    /// The same with another site and other limits.
    pub fn with(site: Site, limits: Limits) -> Self {
        Self::seeded(site, limits, 1)
    }

    /// The same with other ids, as another appliance would have them.
    pub fn seeded(site: Site, limits: Limits, seed: u64) -> Self {
        let now =
            Moment { wall: UtcMillis(1_763_877_600_000), boot_ms: 1_000_000, boot_id: Uuid::from_u128(1) };
        let path = site.database.clone();
        let conn = store::open(&path, now.wall).expect("a new database");
        let mut ids = Ids::seeded(seed);
        let hub = ScriptedHub::new(site.id.clone(), seed + 1);
        let core = Core::open(conn, site, limits, &mut ids).expect("a new site");
        let mut bench = Self { core, ids, now, hub, path };
        let enrollment = Enrollment {
            hub_public_key: bench.hub.identity().public().to_hex(),
            site_secret: "c2l0ZSBzZWNyZXQgb2YgMzIgYnl0ZXMuLi4uLi4uLi4=".to_owned(),
            epoch: 1,
            shard: "s0".to_owned(),
        };
        let answer = bench.job(Job::Enrolled(enrollment));
        assert_eq!(answer, Answer::Done);
        bench
    }

    /// A site with one product on its shelf, leased serials, and authority over whatever comes.
    pub fn stocked(folder: &Path, units: u32) -> Self {
        let mut bench = Self::new(folder);
        bench.stock(units);
        bench
    }

    /// Puts the product on the shelf, leases serials, gives authority.
    pub fn stock(&mut self, units: u32) {
        let serials = outpost_model::page::HubPageEvent::SerialsLeased {
            extension: 3,
            company_prefix: "4012345".to_owned(),
            first: 1_000,
            count: 1_000,
        };
        let mut items = vec![self.hub.products(1, &[product(CASE_SKU, "4006381333931")])];
        items.push(self.hub.opening("batch-1", &[(CASE_SKU, "R1", units)]));
        items.extend(self.hub.page(serials));
        self.merge(items);
        self.authorize(u64::MAX >> 1);
    }

    /// Gives authority through a position of the hub's stream, for a day, and the hub's time.
    pub fn authorize(&mut self, through: u64) {
        let until: BTreeMap<Service, UtcMillis> =
            Service::ALL.into_iter().map(|service| (service, self.now.wall + 86_400_000)).collect();
        let time =
            HubTime { hub_wall: self.now.wall, asked_boot_ms: self.now.boot_ms, boot_id: self.now.boot_id };
        let authority = Authority { epoch: 1, stream: None, through, until };
        let heard = Heard { authority: Some(authority), time: Some(time), epoch: None };
        assert_eq!(self.job(Job::Heard(heard)), Answer::Done);
    }

    /// Offers cases of one unit each and takes them in; their ids.
    pub fn offer(&mut self, service: Service, cases: u32) -> Vec<CaseId> {
        let headers: Vec<Header> = (0..cases)
            .map(|_| header(&self.core.site().id.clone(), self.new_case(), service, 1, self.now.wall))
            .collect();
        for headers in headers.chunks(500) {
            let items = headers.iter().map(|header| self.hub.offer(header)).collect();
            self.merge(items);
        }
        headers.iter().map(|header| header.case).collect()
    }

    /// An id nobody has.
    pub fn new_case(&mut self) -> CaseId {
        CaseId(self.ids.command(self.now.wall).0)
    }

    /// Takes in items of the hub, all of which must be taken.
    pub fn merge(&mut self, items: Vec<Incoming>) {
        let answer = self.job(Job::Merge(self.hub.batch(items)));
        assert_eq!(answer, Answer::Merged(Vec::new()));
    }

    /// Takes in one item of the hub and says why it was not taken.
    pub fn merge_refused(&mut self, item: Incoming) -> Option<String> {
        match self.job(Job::Merge(self.hub.batch(vec![item]))) {
            Answer::Merged(refusals) => refusals.first().map(|refusal| refusal.reason.clone()),
            answer => panic!("not merged: {answer:?}"),
        }
    }

    /// A command about a case, not given yet.
    pub fn command(&mut self, case: CaseId, command: CaseCommand) -> Command {
        self.any_command(Subject::Case { case, command })
    }

    fn any_command(&mut self, subject: Subject) -> Command {
        Command {
            id: self.new_command(),
            staff: StaffId::new("017").expect("a staff id"),
            device: DeviceId::new("scan-1").expect("a device id"),
            at: None,
            subject,
        }
    }

    /// A command id nobody has.
    pub fn new_command(&mut self) -> CommandId {
        self.ids.command(self.now.wall)
    }

    /// Gives a command about a case.
    pub fn act(&mut self, case: CaseId, command: CaseCommand) -> Answer {
        let command = self.command(case, command);
        self.job(Job::Command(Box::new(command)))
    }

    /// Gives a command about the site.
    pub fn act_for_site(&mut self, command: SiteCommand) -> Answer {
        let command = self.any_command(Subject::Site(command));
        self.job(Job::Command(Box::new(command)))
    }

    /// Picks one unit of line 1 into a tote.
    pub fn pick(&mut self, case: CaseId, tote: &str) -> Answer {
        self.act(case, pick(tote))
    }

    /// Runs one job in a group of its own, confirmed at the same moment.
    pub fn job(&mut self, job: Job) -> Answer {
        let mut committed = self.group(&[job]).expect("a commit");
        committed.answers.pop().expect("an answer for a job")
    }

    /// Runs a group, confirmed at the same moment.
    pub fn group(&mut self, jobs: &[Job]) -> Result<Committed, FateUnknown> {
        let mut committed = self.core.run(&self.now, &mut self.ids, jobs)?;
        self.core.confirm(&self.now, &mut committed)?;
        Ok(committed)
    }

    /// Lets time pass on all clocks.
    pub fn pass(&mut self, millis: i64) {
        self.now.wall = self.now.wall + millis;
        self.now.boot_ms = self.now.boot_ms.saturating_add_signed(millis);
    }

    /// What the site has written and the hub does not have.
    pub fn outbox(&self) -> Vec<Outgoing> {
        outpost_journal::read(self.core.connection(), &Query::After { after: None }, 100_000, usize::MAX)
            .expect("a journal")
    }

    /// Lets the hub hear everything the site wrote.
    pub fn tell_hub(&mut self) {
        let items = self.outbox();
        self.hub.hear(&items);
    }

    /// The case's state.
    pub fn case(&self, case: CaseId) -> outpost_model::fulfillment::Fulfillment {
        store::case::load(self.core.connection(), case).expect("a database").expect("a case").state
    }

    /// Ends the process and starts another one on the same database.
    pub fn restart(self) -> Self {
        let path = self.path.clone();
        self.moved(&path, Limits::default()).expect("the database")
    }

    /// Ends the process and starts another one on the same database with other settings.
    pub fn restart_as(self, site: Site) -> Self {
        let Self { core, mut ids, now, hub, path } = self;
        drop(core);
        let conn = store::open(&path, now.wall).expect("the database");
        let core = Core::open(conn, site, Limits::default(), &mut ids).expect("the site");
        Self { core, ids, now, hub, path }
    }

    /// Ends the process and starts another one on another database: what was left of this one, or a copy.
    pub fn moved(self, database: &Path, limits: Limits) -> StoreResult<Self> {
        let Self { core, mut ids, now, hub, .. } = self;
        let vault = core.site().vault.moved(database);
        let site = Site { database: database.to_owned(), vault, ..core.site().clone() };
        drop(core);
        let conn = store::open(database, now.wall)?;
        let core = Core::open(conn, site, limits, &mut ids)?;
        Ok(Self { core, ids, now, hub, path: database.to_owned() })
    }

    /// The process is killed in the midst of all, and another one starts on the same database. Nothing of the first is
    /// closed, so its locks have to be gone by themselves, as those of a process are.
    pub fn killed(self, limits: Limits) -> StoreResult<Self> {
        let Self { core, mut ids, now, hub, path } = self;
        let site = Site { vault: core.site().vault.reopened(), ..core.site().clone() };
        std::mem::forget(core);
        let conn = store::open(&path, now.wall)?;
        let core = Core::open(conn, site, limits, &mut ids)?;
        Ok(Self { core, ids, now, hub, path })
    }

    /// Ends the process, puts a copy of the database in its place, and starts on that one.
    pub fn restart_on(self, copy: &Path) -> Self {
        let Self { core, mut ids, now, hub, path } = self;
        let site = core.site().clone();
        drop(core);
        for beside in ["-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(beside);
            let _ = std::fs::remove_file(name);
        }
        std::fs::copy(copy, &path).expect("a copy of the database");
        let conn = store::open(&path, now.wall).expect("the copy");
        let core = Core::open(conn, site, Limits::default(), &mut ids).expect("the site");
        Self { core, ids, now, hub, path }
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Picks one unit of line 1 into a tote.
fn pick(tote: &str) -> CaseCommand {
    CaseCommand::Pick {
        line: LineNo(1),
        qty: Quantity::ONE,
        barcode: Some("4006381333931".to_owned()),
        lot: None,
        serial: None,
        net_weight_g: None,
        location: "R1".parse().expect("a location"),
        container: tote.parse().expect("a container"),
    }
}

/// A site as its settings would describe it. One whose database is no file of the system keeps its keys in memory.
pub fn site(database: &Path) -> Site {
    let elsewhere = database.as_os_str().as_encoded_bytes().starts_with(b"file:");
    Site {
        id: SiteId::new("berlin-1").expect("a site id"),
        name: "Berlin".to_owned(),
        zone: jiff::tz::TimeZone::UTC,
        language: "en".to_owned(),
        rules: RulesHandle::shipped().expect("the shipped rules are valid"),
        own_rules: false,
        room: outpost_journal::ParkLimits::default(),
        limits: outpost_config::WriteLimits::default(),
        battery_backed: false,
        drift_ppm: 200,
        clock_error_max_ms: 5_000,
        printer: Some(DefaultPrinter {
            name: "packing".to_owned(),
            job_expiry_ms: 1_800_000,
            media: Media { width: Length::mm(102), height: Length::mm(152), density: Density::Dpi203 },
        }),
        vault: if elsewhere { Vault::in_memory() } else { Vault::beside(database) },
        database: database.to_owned(),
        retention: Retention::default(),
    }
}

/// A product with one barcode.
pub fn product(sku: &str, code: &str) -> Product {
    Product {
        sku: Sku::new(sku).expect("a SKU"),
        title: format!("Product {sku}"),
        class: "default".to_owned(),
        unit: "each".to_owned(),
        weight_g: Some(250),
        length_mm: None,
        width_mm: None,
        height_mm: None,
        barcodes: vec![ProductBarcode { code: code.to_owned(), qty: Quantity::ONE }],
    }
}

/// A case of one line.
pub fn header(site: &SiteId, case: CaseId, service: Service, units: u32, now: UtcMillis) -> Header {
    let hour = 3_600_000;
    Header {
        case,
        order: OrderId(case.0),
        order_number: format!("#{}", &case.0.simple().to_string()[20..]),
        channel: ChannelId::new("shop").expect("a channel"),
        site: site.clone(),
        service,
        ship_method: (service == Service::Ship).then(|| "standard".to_owned()),
        lines: vec![HeaderLine {
            line: LineNo(1),
            sku: Sku::new(CASE_SKU).expect("a SKU"),
            qty: Quantity::new(u64::from(units)).expect("a quantity"),
            unit_price: Money { minor: 1_999, currency: "EUR".parse().expect("a currency") },
            group: None,
        }],
        partial: PartialRule::ShipAvailable,
        promise: Promise {
            promised_at: now + 4 * hour,
            pick_by: now + 2 * hour,
            pack_by: now + 3 * hour,
            cutoff_at: (service != Service::Pickup).then(|| now + 4 * hour),
        },
        hold_until: (service == Service::Pickup).then(|| now + 7 * 24 * hour),
        payment_ok_until: None,
        generation: 1,
        consignee: None,
        language: None,
        rules: "test".to_owned(),
        offered_at: now,
        more: BTreeMap::new(),
    }
}
