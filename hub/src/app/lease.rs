//! Leases serials for handling labels to a site, before it runs out of them.

use outpost_config::SsccSettings;
use outpost_model::id::SiteId;
use outpost_model::page::HubPageEvent;

use super::documents;
use crate::error::HubError;
use crate::store::{exception, serial};
use crate::write::Unit;

/// Leases the next block.
pub async fn lease(unit: &mut Unit, site: &SiteId, settings: &SsccSettings) -> Result<(), HubError> {
    let now = unit.now();
    let series = (settings.company_prefix.as_str(), settings.extension_digit);
    match serial::lease(unit.db(), site, series, settings.block_size, now).await? {
        Some(block) => {
            let series = format!("{}/{}", block.company_prefix, block.extension);
            unit.pledge(series, block.first + u64::from(block.count));
            let event = HubPageEvent::SerialsLeased {
                extension: block.extension,
                company_prefix: block.company_prefix,
                first: block.first,
                count: block.count,
            };
            documents::say_on_page(unit, site, vec![event]).await?;
        }
        None => {
            unit.raise(exception::New {
                code: "serials_exhausted",
                sentence: format!(
                    "The serials of company prefix {} with extension {} are used up. Set another extension digit \
                     or prefix.",
                    settings.company_prefix, settings.extension_digit
                ),
                once: format!("serials_exhausted {} {}", settings.company_prefix, settings.extension_digit),
                site: Some(site.clone()),
                ..Default::default()
            })
            .await?;
        }
    }
    Ok(())
}

/// Labels of a site were seen: leases more when few are left.
pub async fn top_up(
    unit: &mut Unit,
    site: &SiteId,
    labels: u64,
    settings: &SsccSettings,
) -> Result<(), HubError> {
    if serial::used(unit.db(), site, labels).await? < u64::from(settings.block_low) {
        lease(unit, site, settings).await?;
    }
    Ok(())
}
