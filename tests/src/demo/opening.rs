//! What an operator does before a chain can work: sites, products and stock are told to the hub, an edge is set up in
//! each site.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::broker::Broker;
use super::chain::{ChainOptions, Site};
use super::goods::Goods;
use super::settings::{self, Appliance};
use super::supervisor::{Service, free_port};
use crate::api::Api;
use crate::device::printer::VirtualPrinter;
use crate::network::Line;
use crate::staff::Staff;

/// Tells the hub of sites, products and barcodes.
pub(super) async fn import(hub: &Api, goods: &Goods) -> Result<()> {
    for (what, csv) in [
        ("sites", goods.world().sites_csv()),
        ("products", goods.world().catalog.products_csv()),
        ("barcodes", goods.world().catalog.barcodes_csv()),
    ] {
        import_csv(hub, what, csv).await?;
    }
    Ok(())
}

/// Tells the hub what lies where.
pub(super) async fn import_stock(hub: &Api, goods: &Goods) -> Result<()> {
    import_csv(hub, "stock", goods.world().stock_csv()).await
}

async fn import_csv(hub: &Api, what: &str, csv: String) -> Result<()> {
    let path = format!("/v1/imports/{what}");
    let report = hub.upload(&path, csv).await?.ok(&path)?;
    if report["refused"].as_array().is_some_and(|refused| !refused.is_empty()) {
        bail!("the import of {what} refused rows: {report}");
    }
    Ok(())
}

/// Sets up a site: printer, line, one-time token, settings, daemon.
pub(super) async fn start_site(
    lab: &Path,
    id: &str,
    at: &Path,
    hub: &Api,
    broker: &Broker,
    options: &ChainOptions,
) -> Result<Site> {
    let printer = VirtualPrinter::start()?;
    let line = Line::lay(broker.address().parse()?)?;
    let token =
        hub.post(&format!("/v1/sites/{id}/enrollment-tokens"), &json!({})).await?.ok("enrollment token")?;
    let token = token["token"].as_str().context("an enrollment token")?.to_owned();
    let port = free_port()?;
    let appliance = Appliance {
        name: id,
        site: id,
        port,
        broker: &line.address().to_string(),
        account: &broker.account(id)?,
        printer: &printer.address().to_string(),
        hub: hub.base(),
    };
    let config = settings::edge(at, &appliance, options)?;
    broker.reload().await?;
    let service = Service::daemon(lab, id, "edge", &config, at)?
        .with_variable("OUTPOST_EDGE__HUB__ENROLL_TOKEN", &token);
    service.start().await?;
    let api = Api::new(format!("http://127.0.0.1:{port}"))?;
    service.wait_ready(&api).await?;
    Ok(Site { id: id.to_owned(), service, staff: Staff::new(id, api.clone()), api, printer, line })
}

/// Starts the appliance of a site a second time, from a copy of its data folder: another port, another line and another
/// printer, and all else the same, as with a disk that was cloned. Its people know what the site's people know.
pub async fn start_twin(site: &Site, name: &str, at: &Path, broker: &str) -> Result<Site> {
    let (printer, line) = (VirtualPrinter::start()?, Line::lay(broker.parse()?)?);
    let port = free_port()?;
    let settings = std::fs::read_to_string(at.join(format!("{}.toml", site.id)))?;
    let folder = |name: &str| format!("directory = {:?}", at.join(name));
    let settings = settings
        .replace(&folder(&site.id), &folder(name))
        .replace(site.api.base().trim_start_matches("http://"), &format!("127.0.0.1:{port}"))
        .replace(&site.line.address().to_string(), &line.address().to_string())
        .replace(&site.printer.address().to_string(), &printer.address().to_string());
    let config = at.join(format!("{name}.toml"));
    std::fs::write(&config, settings)?;
    let service = site.service.twin(name, &config);
    service.start().await?;
    let api = Api::new(format!("http://127.0.0.1:{port}"))?;
    service.wait_ready(&api).await?;
    Ok(Site { id: site.id.clone(), service, staff: site.staff.at(api.clone()), api, printer, line })
}

/// Copies a data folder. Nobody may have it open.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
