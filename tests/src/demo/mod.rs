//! `cargo demo`: the main job, on real daemons. See [`story`] for what it plays and [`checks`] for what it proves.

pub mod account;
pub mod broker;
pub mod chain;
pub mod checks;
pub mod goods;
pub mod opening;
mod page;
pub mod settings;
pub mod story;
pub mod supervisor;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::account::{Account, Narrator};
use self::chain::{Chain, ChainOptions};
use self::checks::{Evidence, Findings, SiteEvidence};
use self::story::Told;
use crate::network::Cut;

/// Broken invariants that are shown one by one.
const SHOWN: usize = 20;

/// Options of the demo.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Play the story once, unattended, check the invariants and end.
    #[arg(long)]
    once: bool,
    /// Print the account as one line of JSON at the end.
    #[arg(long)]
    json: bool,
    /// Use this database for the hub instead of SQLite, such as postgres://outpost@127.0.0.1/outpost.
    #[arg(long, value_name = "URL")]
    hub_database: Option<String>,
    /// The broker: `embedded` in the hub, or a `mosquitto` process.
    #[arg(long, default_value = "embedded")]
    broker: String,
    /// Keep settings, databases and logs in this folder.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Seed of catalogue and orders.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo.
pub async fn run(args: DemoArgs) -> Result<ExitCode> {
    let narrator = Narrator::new();
    narrator.act("Starting hub, broker, two stores and a warehouse");
    let options = ChainOptions {
        hub_database: args.hub_database,
        broker: args.broker,
        keep: args.keep,
        seed: args.seed,
        lab: None,
        plenty: None,
        usual_pace: false,
        sites: None,
        copies: false,
    };
    let chain = Arc::new(Chain::start(&options).await?);
    narrator.say(format!(
        "{} products imported, stock granted; console at {}",
        chain.goods().products(),
        chain.hub_api.base()
    ));
    let stop = CancellationToken::new();
    let mut people = set_to_work(&chain, &stop, args.once);
    let code = if args.once {
        play_once(&chain, &narrator, &stop, args.json).await
    } else {
        attend(&chain, &narrator).await.map(|()| ExitCode::SUCCESS)
    };
    stop.cancel();
    people.abort_all();
    code
}

/// Starts service managers, customers and, for the story, staff at every site.
pub fn set_to_work(chain: &Arc<Chain>, stop: &CancellationToken, staffed: bool) -> tokio::task::JoinSet<()> {
    let mut people = tokio::task::JoinSet::new();
    people.spawn(chain.hub.clone().watch());
    let customers = chain.clone();
    people.spawn(async move { customers.customers().await });
    for site in &chain.sites {
        people.spawn(site.service.clone().watch());
        if staffed {
            people.spawn(site.staff.clone().work(stop.clone()));
        }
    }
    people
}

async fn play_once(
    chain: &Arc<Chain>,
    narrator: &Narrator,
    stop: &CancellationToken,
    json: bool,
) -> Result<ExitCode> {
    let told = match story::play(chain, narrator).await {
        Ok(told) => told,
        Err(error) => {
            narrator.say("the story could not be told to its end; the daemons' logs end with:");
            for service in chain.sites.iter().map(|site| &site.service).chain([&chain.hub]) {
                narrator.say(service.tail());
            }
            return Err(error);
        }
    };
    stop.cancel();
    narrator.act("Checking the invariants");
    let findings = checks::check(&evidence(chain, &told.sent)?).await?;
    for line in &findings.looked_at {
        narrator.say(line);
    }
    for line in findings.broken.iter().take(SHOWN) {
        narrator.say(format!("BROKEN {line}"));
    }
    if findings.broken.len() > SHOWN {
        narrator.say(format!("… and {} more", findings.broken.len() - SHOWN));
    }
    let account = account(chain, &told, &findings).await?;
    narrator.act(&format!(
        "Done: {} orders, {} handovers, {} labels, {} invariants broken",
        account.orders_captured,
        account.fulfillments_handed_over,
        account.labels_printed,
        account.invariants_broken
    ));
    if json {
        println!("{}", serde_json::to_string(&account)?);
    }
    Ok(if account.invariants_broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the checks need to know: what was sent, and what each site's people saw.
pub fn evidence(chain: &Chain, sent: &BTreeSet<String>) -> Result<Evidence> {
    let sites = chain.sites.iter().map(|site| SiteEvidence {
        site: site.id.clone(),
        api: site.api.clone(),
        diary: site.staff.diary(),
        opening: chain.goods().opening(&site.id),
    });
    Ok(Evidence { hub: chain.hub_api.clone(), sites: sites.collect(), sent: sent.clone() })
}

async fn account(chain: &Chain, told: &Told, findings: &Findings) -> Result<Account> {
    let stats = chain.hub_api.get("/v1/stats").await?;
    let count = |key: &str| stats[key].as_u64().with_context(|| format!("the hub's stats lack {key}"));
    let mut printed = 0;
    let mut duplicated = 0;
    for site in &chain.sites {
        printed += site.printer.odometer();
        duplicated += site.printer.duplicates().values().map(|times| times - 1).sum::<u64>();
    }
    Ok(Account {
        orders_captured: count("orders_captured")?,
        duplicates_refused: count("duplicates_refused")?,
        malformed_kept: count("malformed_kept")?,
        fulfillments_handed_over: findings.handed_over,
        fulfillments_rerouted: count("reroutes")?,
        cancels_accepted: count("cancels_accepted")?,
        cancels_refused: count("cancels_refused")?,
        labels_printed: printed,
        labels_duplicated: duplicated,
        events_synced: count("events_synced")?,
        wire_bytes: chain.wire_bytes(),
        offline_seconds: (told.offline.as_secs_f64() * 10.0).round() / 10.0,
        exceptions: stats["exceptions"]
            .as_object()
            .map_or(0, |codes| codes.values().filter_map(Value::as_u64).sum()),
        invariants_broken: findings.broken.len() as u64,
    })
}

/// Lets a person play: prints addresses, serves the control page, listens to keys.
async fn attend(chain: &Arc<Chain>, narrator: &Narrator) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    chain.send_sample_orders(12).await?;
    narrator.act("Ready. Open these pages:");
    narrator.say(format!(
        "control page      http://{address}/   (cut lines, stop the hub, take paper, send orders)"
    ));
    narrator.say(format!("console           {}/", chain.hub_api.base()));
    for site in &chain.sites {
        narrator.say(format!("handheld {:<12} {}/", site.id, site.api.base()));
    }
    narrator.say("keys, each with Enter: c cut or restore rotterdam-1's line · h stop or start the hub · p paper · o orders · q quit");
    let pages = axum::serve(listener, page::router(chain.clone()));
    tokio::select! {
        served = pages => served.context("serving the control page"),
        keys = keys(chain, narrator) => keys,
        stopped = tokio::signal::ctrl_c() => stopped.context("waiting for Ctrl-C"),
    }
}

async fn keys(chain: &Arc<Chain>, narrator: &Narrator) -> Result<()> {
    let (typed, mut lines) = tokio::sync::mpsc::unbounded_channel();
    // A read of standard input cannot be cancelled, so it has a thread that nobody waits for.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
        }
    });
    let rotterdam = chain.site("rotterdam-1")?;
    let mut hub_runs = true;
    while let Some(line) = lines.recv().await {
        match line.trim() {
            "c" if rotterdam.is_cut() => rotterdam.line.restore(),
            "c" => rotterdam.line.cut(Cut::Reset),
            "p" if rotterdam.printer.is_out_of_paper() => rotterdam.printer.paper_in(),
            "p" => rotterdam.printer.paper_out(),
            "o" => chain.send_sample_orders(10).await?,
            "h" => {
                if hub_runs {
                    chain.hub.stop().await;
                } else {
                    chain.hub.start().await?;
                }
                hub_runs = !hub_runs;
            }
            "q" => return Ok(()),
            _ => continue,
        }
        narrator.say(format!(
            "rotterdam-1's line is {}, its printer {}, the hub {}",
            if rotterdam.is_cut() { "cut" } else { "up" },
            if rotterdam.printer.is_out_of_paper() { "is out of paper" } else { "has paper" },
            if hub_runs { "runs" } else { "is stopped" },
        ));
    }
    // Standard input was closed, as under a service manager: the pages go on until a signal.
    std::future::pending().await
}
