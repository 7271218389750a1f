//! The morning every run begins with: a chain whose sites are enrolled, stocked and in contact. Made once with the real
//! code; each run starts from its images.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use outpost_config::RulesHandle;
use outpost_edge::store::identity::Enrollment;
use outpost_edge::testing;
use outpost_edge::write::Job;
use outpost_hub::app::enroll::{self, Terms};
use outpost_hub::app::import::{self, Kind};
use outpost_model::id::SiteId;
use outpost_sync::{Identity, PublicIdentity};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use super::channel::sku;
use super::disk;
use super::edge::{EdgeNode, Said};
use super::hub::{Files, HubNode};
use super::plan::{Plan, SKUS};
use super::staff::SHELF;
use super::swarm::Swarm;
use super::world::World;

/// Units of each product at each site: few enough that orders and walk-ins get in each other's way.
const UNITS: u32 = 12;
const SEED: u64 = 0x004f_7574_706f_7374;

/// A chain at rest.
pub struct Morning {
    /// What runs the hub's futures.
    pub runtime: Arc<Runtime>,
    /// Who the hub is to its sites.
    pub hub: PublicIdentity,
    /// The hub's files.
    pub files: Files,
    /// Each site's database and key.
    pub sites: Vec<(Connection, Identity)>,
}

/// A site's id.
pub fn site_id(number: usize) -> Result<SiteId> {
    Ok(SiteId::new(format!("store-{number}"))?)
}

/// Rules by which sites are always open and authority lasts so long. With deadlines, sites that stay silent lose what they
/// were asked for within a run.
pub fn rules(authority_minutes: u32, deadlines: bool) -> Result<RulesHandle> {
    let mut text = format!(
        "[routing]\nsort = [\"priority\", \"distance\"]\nreroutes_max = 9\n[authority]\nship = \"{authority_minutes}m\"\n\
         ship_to_store = \"{authority_minutes}m\"\n"
    );
    if deadlines {
        text.push_str("[deadlines.ship]\naccept = \"10m\"\nstart = \"20m\"\n");
    }
    for service in ["pickup", "ship", "ship_to_store"] {
        text.push_str(&format!("[calendars.standard.open.{service}]\n"));
        for day in ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] {
            text.push_str(&format!("{day} = [\"00:00-24:00\"]\n"));
        }
    }
    text.push_str("[calendars.standard.collections.default]\ncutoffs = [\"23:00\"]\n");
    text.push_str(
        "days = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]\n",
    );
    RulesHandle::new("simulated rules", &text).map_err(|error| anyhow!("{error}"))
}

/// A site as its settings would describe it.
pub fn site(number: usize) -> Result<outpost_edge::Site> {
    // Keys are of this run alone: none may come from a file that another one left.
    let vault = outpost_edge::store::vault::Vault::in_memory();
    Ok(outpost_edge::Site { id: site_id(number)?, vault, ..testing::site(std::path::Path::new(":memory:")) })
}

impl Morning {
    /// Makes the morning of a chain.
    pub fn make(sites: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let runtime = Arc::new(runtime);
        let mut rng = StdRng::seed_from_u64(SEED);
        let mut hub = HubNode::new(runtime.clone(), &Vec::new(), rules(24 * 60, false)?, SEED)?;
        hub.boot(0)?;
        import_all(&mut hub, sites)?;
        let public = hub.hub().context("the hub is down")?.identity.public();
        let mut edges = Vec::with_capacity(sites);
        for number in 0..sites {
            let identity = Identity::generate(&mut rng);
            let mut edge = EdgeNode::new(number, site(number)?, identity, public, SEED);
            let secret = enroll_site(&mut hub, &edge)?;
            edge.insert(&Connection::open_in_memory()?)?;
            edge.boot(0)?;
            let enrollment = Enrollment {
                hub_public_key: public.to_hex(),
                site_secret: secret,
                epoch: hub.hub().map_or(1, |hub| u64::from(hub.life.epoch)),
                shard: "s0".to_owned(),
            };
            edge.submit(0, &[Job::Enrolled(enrollment)], &mut Said::default())?;
            edges.push(edge);
        }
        import_stock(&mut hub, sites)?;
        let plan = Plan { seed: SEED, sites, swarm: Swarm::calm(), defect: None, acts: Vec::new() };
        let mut world = World::of_parts(plan, hub, edges, false);
        world.run_until_quiet().map_err(|failure| anyhow!("the morning: {failure}"))?;
        let World { mut hub, mut edges, .. } = world;
        hub.crash();
        let files = hub.files()?;
        let mut sites = Vec::with_capacity(edges.len());
        for edge in &mut edges {
            edge.crash()?;
            let database = edge.database().context("a machine without a disk")?;
            sites.push((disk::image(database)?, edge.identity.clone()));
        }
        Ok(Self { runtime, hub: public, files, sites })
    }
}

fn import_all(hub: &mut HubNode, sites: usize) -> Result<()> {
    let mut text =
        "site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority\n"
            .to_owned();
    for number in 0..sites {
        let id = site_id(number)?;
        text.push_str(&format!(
            "{id},Store {number},store,UTC,DE,1011{},52.{number},13.{number},pickup|ship,0,{}\n",
            number % 10,
            number + 1
        ));
    }
    import(hub, Kind::Sites, text)?;
    let mut text =
        "sku,title,class,unit,weight_g,length_mm,width_mm,height_mm,price_minor,currency\n".to_owned();
    for number in 0..SKUS {
        text.push_str(&format!("{},Product {number},,,500,100,80,60,1999,EUR\n", sku(number)));
    }
    import(hub, Kind::Products, text)
}

fn import_stock(hub: &mut HubNode, sites: usize) -> Result<()> {
    let mut text = "site,sku,location,quantity\n".to_owned();
    for number in 0..sites {
        for product in 0..SKUS {
            text.push_str(&format!("{},{},{SHELF},{UNITS}\n", site_id(number)?, sku(product)));
        }
    }
    import(hub, Kind::Stock, text)
}

fn import(hub: &mut HubNode, kind: Kind, text: String) -> Result<()> {
    let text: Arc<str> = text.into();
    let verdict = hub.act(0, move |unit| {
        let text = text.clone();
        Box::pin(async move { import::import(unit, kind, text.as_bytes()).await })
    })?;
    match verdict {
        Ok(report) if report.refused.is_empty() => Ok(()),
        other => Err(anyhow!("an import was refused: {other:?}")),
    }
}

fn enroll_site(hub: &mut HubNode, edge: &EdgeNode) -> Result<String> {
    use base64::Engine;
    let (id, public) = (edge.id.clone(), edge.identity.public());
    let sscc = hub.hub().context("the hub is down")?.settings.sscc.clone();
    let terms = Terms { sscc };
    let secret = hub.act(0, move |unit| {
        let (id, terms) = (id.clone(), terms.clone());
        Box::pin(async move {
            let Ok(token) = enroll::make_token(unit, &id).await? else { return Ok(None) };
            Ok(enroll::enroll(unit, &id, &token.token, &public, &terms).await?.ok())
        })
    })?;
    let secret = secret.context("an enrollment was refused")?;
    Ok(base64::engine::general_purpose::STANDARD.encode(secret))
}
