# Short names for what the project does. `just` is a convenience: every recipe is one plain command.

# Everything that must pass before a change lands.
test:
    tests/run

# The story of an order across a cut cable, with pages to look at.
demo *args:
    cargo demo -- {{args}}

# Load programs: figures for docs/performance.md.
load *args:
    cargo lab load {{args}}

# Trouble for real daemons and a real Mosquitto, a verdict each.
parts *args:
    cargo lab parts {{args}}

# Fast checks while working.
check:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets -- -D warnings

# Accept changed snapshots after reading them (cargo-insta).
review:
    cargo insta review
