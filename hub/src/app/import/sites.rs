//! Sites: `site,name,kind,zone,country,postal_code,latitude,longitude,services,capacity_per_day,priority`.

use std::collections::BTreeSet;

use outpost_model::header::Service;
use outpost_model::id::SiteId;

use super::Report;
use super::table::{Row, Wrong};
use crate::error::HubError;
use crate::store::site::{self, Site};
use crate::store::{order, stream};
use crate::wake::News;
use crate::write::Unit;

pub(super) const COLUMNS: [&str; 11] = [
    "site",
    "name",
    "kind",
    "zone",
    "country",
    "postal_code",
    "latitude",
    "longitude",
    "services",
    "capacity_per_day",
    "priority",
];

pub(super) async fn import(unit: &mut Unit, rows: Vec<Row>, report: &mut Report) -> Result<(), HubError> {
    let mut seen: BTreeSet<SiteId> = BTreeSet::new();
    let actor = unit.actor();
    for row in &rows {
        match read(row) {
            Ok(site) if !seen.insert(site.site.clone()) => {
                let sentence =
                    format!("The site {} stands in the file twice; the first one counts.", site.site);
                report.refuse(row.line, "repeated", sentence);
            }
            Ok(site) => {
                site::put(unit.db(), &site).await?;
                stream::found(unit.db(), &site.site, actor).await?;
                unit.wakes.news.insert(News::Site(site.site));
                report.accepted += 1;
            }
            Err(Wrong(code, sentence)) => report.refuse(row.line, code, sentence),
        }
    }
    let now = unit.now();
    unit.wakes.routing |= order::hurry(unit.db(), now).await? > 0;
    Ok(())
}

fn read(row: &Row) -> Result<Site, Wrong> {
    let country = row.text("country").to_ascii_uppercase();
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let sentence = format!("country is {country:?}: allowed are two letters of ISO 3166 such as DE.");
        return Err(Wrong("country", sentence));
    }
    let zone = row.text("zone").to_owned();
    if jiff::tz::TimeZone::get(&zone).is_err() {
        let sentence = format!("zone is {zone:?}: allowed are IANA time zones such as Europe/Berlin.");
        return Err(Wrong("zone", sentence));
    }
    let priority = if row.text("priority").is_empty() { 0 } else { row.parse("priority", "number")? };
    if !(-1_000..=1_000).contains(&priority) {
        return Err(Wrong("number", format!("priority is {priority}: allowed are -1000 to 1000.")));
    }
    Ok(Site {
        site: row.parse("site", "site")?,
        name: row.named("name", 100)?,
        kind: row.parse("kind", "kind")?,
        zone,
        country,
        postal_code: row.text("postal_code").chars().take(20).collect(),
        latitude: degrees(row, "latitude", 90.0)?,
        longitude: degrees(row, "longitude", 180.0)?,
        services: services(row)?,
        capacity_per_day: row.number("capacity_per_day", 0, 1_000_000)?,
        priority,
    })
}

fn degrees(row: &Row, name: &'static str, most: f64) -> Result<f64, Wrong> {
    let value: f64 = row.parse(name, "number")?;
    if value.is_finite() && value.abs() <= most {
        return Ok(value);
    }
    Err(Wrong("number", format!("{name} is {value}: allowed are -{most} to {most} degrees.")))
}

fn services(row: &Row) -> Result<Vec<Service>, Wrong> {
    let names = row.text("services").split('|').map(str::trim).filter(|name| !name.is_empty());
    let services = names
        .map(str::parse)
        .collect::<Result<BTreeSet<Service>, _>>()
        .map_err(|error| Wrong("services", format!("services: {error}.")))?;
    if services.is_empty() {
        return Err(Wrong(
            "services",
            "services is empty: allowed are pickup, ship and ship_to_store.".to_owned(),
        ));
    }
    Ok(services.into_iter().collect())
}
