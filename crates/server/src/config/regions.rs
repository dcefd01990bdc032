//! The names of regions.

use types::Region;

/// Whether `region` has the form of the names in the partition `aws`: an area that it covers,
/// a place and a number.
pub(super) fn is_of_partition(region: &Region) -> bool {
    const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];
    let mut parts = region.as_str().split('-');
    let (area, place, number) = (parts.next(), parts.next(), parts.next());
    let is_place = |place: &str| !place.is_empty() && place.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = |number: &str| number.parse::<u8>().is_ok_and(|n| n > 0);
    area.is_some_and(|area| AREAS.contains(&area))
        && place.is_some_and(is_place)
        && number.is_some_and(is_number)
        && parts.next().is_none()
}
