//! Sites: what is known of each by import, and how they are counted.

use outpost_model::header::Service;
use outpost_model::id::SiteId;
use serde::{Deserialize, Serialize};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::{column, parsed};
use crate::error::HubError;

const TABLE: &str = "site";

/// What a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// Customers come in.
    Store,
    /// They do not.
    Warehouse,
}

impl SiteKind {
    /// The name in files and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Warehouse => "warehouse",
        }
    }
}

impl std::str::FromStr for SiteKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "store" => Ok(Self::Store),
            "warehouse" => Ok(Self::Warehouse),
            _ => Err(format!("{:?} is not a kind of site: allowed are store and warehouse", clip(text))),
        }
    }
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A site as imported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its id.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// Store or warehouse.
    pub kind: SiteKind,
    /// Its IANA time zone.
    pub zone: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Postal code.
    pub postal_code: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// What it offers.
    pub services: Vec<Service>,
    /// Cases it can take a day; 0 means no limit.
    pub capacity_per_day: u32,
    /// The merchant's preference; lower goes first.
    pub priority: i32,
}

/// Writes a site; an existing one is replaced.
pub async fn put(db: &mut AnyConnection, site: &Site) -> Result<(), HubError> {
    let services: Vec<&str> = site.services.iter().map(|service| service.as_str()).collect();
    sqlx::query(
        "INSERT INTO site (site, name, kind, zone, country, postal_code, latitude, longitude, services,
                           capacity_per_day, priority)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (site) DO UPDATE SET name = excluded.name, kind = excluded.kind, zone = excluded.zone,
             country = excluded.country, postal_code = excluded.postal_code, latitude = excluded.latitude,
             longitude = excluded.longitude, services = excluded.services,
             capacity_per_day = excluded.capacity_per_day, priority = excluded.priority",
    )
    .bind(site.site.as_str())
    .bind(&site.name)
    .bind(site.kind.as_str())
    .bind(&site.zone)
    .bind(&site.country)
    .bind(&site.postal_code)
    .bind(site.latitude)
    .bind(site.longitude)
    .bind(services.join("|"))
    .bind(i64::from(site.capacity_per_day))
    .bind(i64::from(site.priority))
    .execute(db)
    .await?;
    Ok(())
}

/// One site.
pub async fn get(db: &mut AnyConnection, site: &SiteId) -> Result<Option<Site>, HubError> {
    let row =
        sqlx::query("SELECT * FROM site WHERE site = $1").bind(site.as_str()).fetch_optional(db).await?;
    row.map(|row| read(&row)).transpose()
}

/// Sites after one, by id.
pub async fn page(db: &mut AnyConnection, after: Option<&SiteId>, limit: u32) -> Result<Vec<Site>, HubError> {
    let rows = sqlx::query("SELECT * FROM site WHERE site > $1 ORDER BY site LIMIT $2")
        .bind(after.map(SiteId::as_str).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

/// All sites, by id.
pub async fn all(db: &mut AnyConnection) -> Result<Vec<Site>, HubError> {
    let rows = sqlx::query("SELECT * FROM site ORDER BY site").fetch_all(db).await?;
    rows.iter().map(read).collect()
}

pub(crate) fn read(row: &AnyRow) -> Result<Site, HubError> {
    let services: &str = column(row, TABLE, "services")?;
    let services = services.split('|').filter(|service| !service.is_empty()).map(str::parse);
    let number = |name| column::<i64>(row, TABLE, name);
    let wrong = |error: std::num::TryFromIntError| HubError::corrupt(TABLE, "number", error);
    Ok(Site {
        site: parsed(row, TABLE, "site")?,
        name: column(row, TABLE, "name")?,
        kind: parsed(row, TABLE, "kind")?,
        zone: column(row, TABLE, "zone")?,
        country: column(row, TABLE, "country")?,
        postal_code: column(row, TABLE, "postal_code")?,
        latitude: column(row, TABLE, "latitude")?,
        longitude: column(row, TABLE, "longitude")?,
        services: services
            .collect::<Result<_, _>>()
            .map_err(|error| HubError::corrupt(TABLE, "services", error))?,
        capacity_per_day: u32::try_from(number("capacity_per_day")?).map_err(wrong)?,
        priority: i32::try_from(number("priority")?).map_err(wrong)?,
    })
}
