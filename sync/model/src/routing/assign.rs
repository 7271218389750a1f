//! Dividing a demand over ranked candidates.

use std::collections::BTreeMap;

use super::{Assignment, Candidate, Demand, DemandLine, Part, Split};
use crate::header::PartialRule;
use crate::id::{LineNo, Sku};
use crate::quantity::Quantity;

/// Candidates, best first, among which pairs are tried exhaustively; beyond them the greedy way must do.
const PAIRS_AMONG_MAX: usize = 64;

/// Lines that are never parted: a group, or a line by itself.
#[derive(Debug, Clone)]
pub(super) struct Block {
    lines: Vec<DemandLine>,
    whole: bool,
}

/// The blocks of a demand, in the order of their first lines.
pub(super) fn blocks(demand: &Demand) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in demand.lines.iter().filter(|line| !line.qty.is_zero()) {
        let group = |block: &&mut Block| line.group.is_some() && block.lines[0].group == line.group;
        match blocks.iter_mut().find(group) {
            Some(block) => block.lines.push(line.clone()),
            None => blocks.push(Block { lines: vec![line.clone()], whole: line.group.is_some() }),
        }
    }
    blocks
}

/// What a candidate can do of these blocks: groups as a whole, other lines as far as rights go.
pub(super) fn take(candidate: &Candidate, blocks: &[Block]) -> Vec<Part> {
    let mut left = candidate.unused.clone();
    let mut parts = Vec::new();
    for block in blocks {
        let has = |left: &BTreeMap<Sku, u64>, sku: &Sku| left.get(sku).copied().unwrap_or(0);
        let mut after = left.clone();
        let mut mine = Vec::new();
        for line in &block.lines {
            let qty = line.qty.get().min(u32::try_from(has(&after, &line.sku)).unwrap_or(u32::MAX));
            if let Some(units) = after.get_mut(&line.sku) {
                *units -= u64::from(qty);
            }
            mine.extend(Quantity::new(u64::from(qty)).ok().map(|qty| Part { line: line.line, qty }));
        }
        let complete = mine.iter().zip(&block.lines).all(|(part, line)| part.qty == line.qty);
        if complete || !block.whole {
            left = after;
            parts.extend(mine.into_iter().filter(|part| !part.qty.is_zero()));
        }
    }
    parts
}

pub(super) fn units(parts: &[Part]) -> u64 {
    parts.iter().map(|part| u64::from(part.qty.get())).sum()
}

/// What is left of blocks once these parts are taken.
fn without(blocks: &[Block], parts: &[Part]) -> Vec<Block> {
    let taken: BTreeMap<LineNo, Quantity> = parts.iter().map(|part| (part.line, part.qty)).collect();
    let rest = |line: &DemandLine| {
        let qty = line.qty.saturating_sub(taken.get(&line.line).copied().unwrap_or_default());
        DemandLine { qty, ..line.clone() }
    };
    blocks
        .iter()
        .map(|block| Block {
            lines: block.lines.iter().map(rest).filter(|line| !line.qty.is_zero()).collect(),
            whole: block.whole,
        })
        .filter(|block| !block.lines.is_empty())
        .collect()
}

/// Who does what; nobody anything when the customer wants all or nothing and all is not to be had.
pub(super) fn assign(
    demand: &Demand,
    blocks: &[Block],
    ranked: &[&Candidate],
    split: Split,
) -> Vec<Assignment> {
    let sites_max = match split {
        Split::Never => 1,
        Split::AtMost(sites) => usize::from(sites.max(1)),
    };
    let found = one(blocks, ranked)
        .or_else(|| if sites_max >= 2 { two(blocks, ranked) } else { None })
        .unwrap_or_else(|| greedy(blocks, ranked, sites_max));
    let complete = left_over(demand, &found).is_empty();
    let in_part = match demand.partial {
        PartialRule::ShipAvailable => true,
        PartialRule::AllOrNothing => false,
        PartialRule::AskCustomer { ship_by_default, .. } => ship_by_default,
    };
    if complete || in_part { found } else { Vec::new() }
}

fn one(blocks: &[Block], ranked: &[&Candidate]) -> Option<Vec<Assignment>> {
    ranked.iter().find_map(|candidate| {
        let parts = take(candidate, blocks);
        without(blocks, &parts).is_empty().then(|| vec![assignment(candidate, parts)])
    })
}

fn two(blocks: &[Block], ranked: &[&Candidate]) -> Option<Vec<Assignment>> {
    let near = &ranked[..ranked.len().min(PAIRS_AMONG_MAX)];
    near.iter().enumerate().find_map(|(place, first)| {
        let parts = take(first, blocks);
        let rest = without(blocks, &parts);
        near[place + 1..].iter().find_map(|second| {
            let others = take(second, &rest);
            let all = !parts.is_empty() && without(&rest, &others).is_empty();
            all.then(|| vec![assignment(first, parts.clone()), assignment(second, others)])
        })
    })
}

/// At each step the candidate that has most of what is left; the better ranked one between equals.
fn greedy(blocks: &[Block], ranked: &[&Candidate], sites_max: usize) -> Vec<Assignment> {
    let mut rest = blocks.to_vec();
    let mut free = ranked.to_vec();
    let mut found = Vec::new();
    while found.len() < sites_max {
        let offers = free.iter().enumerate().map(|(place, candidate)| (place, take(candidate, &rest)));
        let best = offers.max_by_key(|(place, parts)| (units(parts), std::cmp::Reverse(*place)));
        let Some((place, parts)) = best.filter(|(_, parts)| !parts.is_empty()) else { break };
        rest = without(&rest, &parts);
        found.push(assignment(free.remove(place), parts));
    }
    found
}

fn assignment(candidate: &Candidate, lines: Vec<Part>) -> Assignment {
    Assignment { site: candidate.site.clone(), lines }
}

/// What nobody was given.
pub(super) fn left_over(demand: &Demand, assignments: &[Assignment]) -> Vec<Part> {
    let parts = || assignments.iter().flat_map(|assignment| &assignment.lines);
    demand
        .lines
        .iter()
        .map(|line| {
            let given: Quantity = parts().filter(|part| part.line == line.line).map(|part| part.qty).sum();
            Part { line: line.line, qty: line.qty.saturating_sub(given) }
        })
        .filter(|part| !part.qty.is_zero())
        .collect()
}
