//! What SRV 12.1 tells of places: the home's own and those that `[[dcc.coverage]]` names, from what `[dcc.wan]` is like there.
use super::file::HomeFile;
use dcc::config::Place;
use dcc::wan::{self, Model};
use duis::response::answer::{Coverage, CspRegion, Likelihood};
use duis::xml::Text;
use duis::xml::value::Words;
use gbcs::Time;

/// Every place that is known, the home first.
pub fn places(file: &HomeFile) -> Vec<Place> {
    let property = &file.property;
    let region = file.dcc.wan.region.as_deref();
    let own = Place {
        uprn: property.uprn,
        post_code: property.post_code.as_ref().map(|code| code.as_str().to_owned()),
        regions: vec![(schema_region(region), Some(coverage(file, region)))],
    };
    let others = file.dcc.coverage.iter().map(|covered| {
        let regions = covered.regions.iter().map(|region| (region.0, Some(coverage(file, Some(region.0.as_str())))));
        Place { uprn: covered.uprn, post_code: covered.post_code.clone(), regions: regions.collect() }
    });
    let is_somewhere = |place: &Place| place.uprn.is_some() || place.post_code.is_some();
    std::iter::once(own).chain(others).filter(is_somewhere).collect()
}

/// A region of the model by the schema's name; the schema knows the regions of the three providers, and has a word for others.
pub fn schema_region(name: Option<&str>) -> CspRegion {
    name.and_then(CspRegion::read).unwrap_or(CspRegion::Unknown)
}

/// What the WAN is like in a region, as planners put it: the hubs there are reached while the region and everywhere are up.
fn coverage(file: &HomeFile, region: Option<&str>) -> Coverage {
    let model = Model::new(file.dcc.wan.model.clone(), Time(0));
    let region_is_up = region.map_or(1.0, |name| model.availability(&wan::Place::Region(name.to_owned())));
    let reached = model.availability(&wan::Place::Everywhere) * region_is_up;
    let likelihood = match reached {
        share if share >= 0.95 => Likelihood::High,
        share if share >= 0.5 => Likelihood::Medium,
        _ => Likelihood::Low,
    };
    let technology = match schema_region(region) {
        CspRegion::North => "Long Range Radio",
        CspRegion::Central | CspRegion::South | CspRegion::Smets1 => "Cellular",
        CspRegion::North4g | CspRegion::Central4g | CspRegion::South4g => "4G Cellular",
        CspRegion::Unknown => "Unknown",
    };
    Coverage {
        available: reached > 0.0,
        anticipated: None,
        technology: Words::new(technology).expect("not longer than 30 characters"),
        likelihood,
        auxiliary_equipment: None,
        more: None,
    }
}
