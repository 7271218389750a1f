//! Minting ids from a time and randomness that are handed in, so that a simulator mints the same ones again.

use jiff::Timestamp;
use rand::Rng;
use uuid::{Builder, Uuid};

/// A UUID version 7: sorts by the time it was minted at. Times before 1970 count as 1970.
pub fn mint_id(now: Timestamp, rng: &mut impl Rng) -> Uuid {
    let mut random = [0; 10];
    rng.fill_bytes(&mut random);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn ids_sort_by_time_and_repeat_with_the_seed() {
        let mint = |millis, seed| {
            mint_id(Timestamp::from_millisecond(millis).unwrap(), &mut StdRng::seed_from_u64(seed))
        };
        let id = mint(1_763_877_600_123, 1);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix(), (1_763_877_600, 123_000_000));
        assert_eq!(id, mint(1_763_877_600_123, 1));
        assert_ne!(id, mint(1_763_877_600_123, 2));
        assert!(id < mint(1_763_877_600_124, 0));
    }
}
