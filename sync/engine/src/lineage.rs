//! Whether a peer's past, as it tells it in a greeting, is the past that is registered here.
//!
//! A healthy replica's lives form a chain: each names the one before and that one's last number. A replica that was
//! restored from a copy continues its chain at an earlier place; one that was cloned continues it twice; one that was
//! set up anew has no past at all. Pure: what follows from a finding is the application's affair.

use std::collections::BTreeMap;

use crate::bytes::{Incarnation, InstallId};
use crate::item::{Link, Position};

/// One incarnation of a peer, as the application has registered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The incarnation.
    pub incarnation: Incarnation,
    /// The life before it, and that one's last number; none for the first life of an install.
    pub parent: Option<Position>,
    /// The install that announced it.
    pub install: InstallId,
    /// Set when another life took over from this one: what it wrote beyond this number is of a past that is over.
    pub retired_beyond: Option<u64>,
}

/// What is wrong with a peer's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It goes on at an earlier place of one of its lives than is stored here: it was rolled back.
    RolledBack {
        /// The life.
        incarnation: Incarnation,
        /// How many items of it are stored here.
        here: u64,
        /// How many it knows of.
        there: u64,
    },
    /// It goes on where another of its lives went on: it was rolled back, or is one of two clones.
    Forked {
        /// Where both begin.
        parent: Position,
        /// The life that is known.
        known: Incarnation,
        /// The life that speaks now.
        new: Incarnation,
    },
    /// It has no past here, though the site has one: a new install, or an emptied database.
    Replaced {
        /// The install that speaks now.
        install: InstallId,
        /// Its life.
        incarnation: Incarnation,
    },
}

/// What a greeting says about the past of who greets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// It speaks as, or descends from, a life that was retired: of two clones it is the one that lost.
    pub refused: Option<Incarnation>,
    /// What is wrong, each thing once.
    pub findings: Vec<Finding>,
    /// What is stored here of its lives and is not of the past it tells: life and last number stored.
    pub lost: Vec<Position>,
}

/// Judges a greeting of `install` that names `links`, against the lives that are registered and how many items are
/// stored of each. A life of which nothing is stored proves nothing and is left out.
pub fn judge(
    lives: &[Life],
    stored: impl Fn(&Incarnation) -> u64,
    install: InstallId,
    links: &[Link],
) -> Judgement {
    let Some(current) = links.last() else { return Judgement::default() };
    let line = line(lives, links);
    let refused = lives.iter().rev().find(|life| {
        let beyond = life.retired_beyond.zip(line.get(&life.incarnation).copied());
        life.install == install && beyond.is_some_and(|(retired, told)| told > retired)
    });
    if let Some(life) = refused {
        return Judgement { refused: Some(life.incarnation), ..Judgement::default() };
    }
    let mut judgement = Judgement::default();
    let mut strangers = false;
    let parents = parents(lives);
    let descends = |life: &Life| {
        let before = |life: &Position| parents.get(&life.incarnation).copied().flatten();
        let mut past = std::iter::successors(life.parent, before).take(lives.len());
        past.any(|parent| line.contains_key(&parent.incarnation))
    };
    let root = lives.iter().position(|life| line.contains_key(&life.incarnation)).unwrap_or(lives.len());
    for (place, life) in lives.iter().enumerate() {
        let here = stored(&life.incarnation);
        let told = line.get(&life.incarnation).copied();
        let counts = here > 0 && life.retired_beyond.is_none() && told.is_none_or(|told| here > told);
        if !counts {
            continue;
        }
        // Of two pasts without a common life the younger one must explain itself, not the older.
        if told.is_none() && !descends(life) && place > root {
            continue;
        }
        judgement.lost.push(Position { incarnation: life.incarnation, n: here });
        match (told, life.parent) {
            (Some(there), _) => {
                let incarnation = life.incarnation;
                judgement.findings.push(Finding::RolledBack { incarnation, here, there });
            }
            (None, Some(parent)) if line.contains_key(&parent.incarnation) => {
                let (known, new) = (life.incarnation, current.incarnation);
                judgement.findings.push(Finding::Forked { parent, known, new });
            }
            (None, _) => strangers |= !descends(life),
        }
    }
    if strangers {
        let incarnation = current.incarnation;
        judgement.findings.push(Finding::Replaced { install, incarnation });
    }
    judgement
}

/// The lives of the past that is told, each with how far it reaches: the named links, and before them what is
/// registered as their past.
fn line(lives: &[Life], links: &[Link]) -> BTreeMap<Incarnation, u64> {
    let parents = parents(lives);
    let mut line = BTreeMap::new();
    for (i, link) in links.iter().enumerate() {
        let sealed = i + 1 < links.len();
        line.insert(link.incarnation, if sealed { link.last } else { u64::MAX });
    }
    for link in links {
        let mut parent = link.parent;
        while let Some(Position { incarnation, n }) = parent {
            if line.contains_key(&incarnation) {
                break;
            }
            line.insert(incarnation, n);
            parent = parents.get(&incarnation).copied().flatten();
        }
    }
    line
}

fn parents(lives: &[Life]) -> BTreeMap<Incarnation, Option<Position>> {
    lives.iter().map(|life| (life.incarnation, life.parent)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: InstallId = InstallId([1; 16]);
    const OTHER: InstallId = InstallId([2; 16]);

    fn name(byte: u8) -> Incarnation {
        Incarnation([byte; 16])
    }

    fn at(byte: u8, n: u64) -> Position {
        Position { incarnation: name(byte), n }
    }

    fn life(byte: u8, parent: Option<Position>) -> Life {
        Life { incarnation: name(byte), parent, install: HOME, retired_beyond: None }
    }

    fn link(byte: u8, parent: Option<Position>, last: u64) -> Link {
        Link { incarnation: name(byte), parent, last }
    }

    /// Lives 1, 2 and 3 with 80, 5 and 7 items stored; everything after 3 is new.
    fn registered() -> Vec<Life> {
        vec![life(1, None), life(2, Some(at(1, 80))), life(3, Some(at(2, 5)))]
    }

    fn stored(incarnation: &Incarnation) -> u64 {
        [(1, 80), (2, 5), (3, 7)].into_iter().find(|(byte, _)| name(*byte) == *incarnation).map_or(0, |x| x.1)
    }

    #[test]
    fn the_next_life_of_a_healthy_site_is_no_news() {
        let links = [link(4, Some(at(3, 7)), 0)];
        assert_eq!(judge(&registered(), stored, HOME, &links), Judgement::default());
        let unsent = [link(3, Some(at(2, 5)), 9), link(4, Some(at(3, 9)), 2)];
        assert_eq!(judge(&registered(), stored, HOME, &unsent), Judgement::default());
        assert_eq!(
            judge(&[], |_| 0, HOME, &[link(1, None, 3)]),
            Judgement::default(),
            "the first life of all"
        );
    }

    #[test]
    fn a_life_that_goes_on_earlier_was_rolled_back_and_all_that_came_after_is_lost() {
        let judgement = judge(&registered(), stored, HOME, &[link(4, Some(at(1, 50)), 0)]);
        assert_eq!(judgement.refused, None);
        assert_eq!(judgement.lost, [at(1, 80), at(2, 5), at(3, 7)]);
        let rolled_back = Finding::RolledBack { incarnation: name(1), here: 80, there: 50 };
        let forked = Finding::Forked { parent: at(1, 80), known: name(2), new: name(4) };
        assert_eq!(judgement.findings, [rolled_back, forked]);
    }

    #[test]
    fn two_children_of_one_parent_are_a_fork() {
        let judgement = judge(&registered(), stored, HOME, &[link(4, Some(at(2, 5)), 1)]);
        let forked = Finding::Forked { parent: at(2, 5), known: name(3), new: name(4) };
        assert_eq!((judgement.findings, judgement.lost), (vec![forked], vec![at(3, 7)]));
        let silent = |incarnation: &Incarnation| stored(incarnation) * u64::from(*incarnation != name(3));
        let judgement = judge(&registered(), silent, HOME, &[link(4, Some(at(2, 5)), 1)]);
        assert_eq!(judgement, Judgement::default(), "a life that wrote nothing proves nothing");
    }

    #[test]
    fn a_site_without_a_past_is_a_new_install() {
        let judgement = judge(&registered(), stored, OTHER, &[link(9, None, 0)]);
        assert_eq!(judgement.findings, [Finding::Replaced { install: OTHER, incarnation: name(9) }]);
        assert_eq!(judgement.lost, [at(1, 80), at(2, 5), at(3, 7)]);
    }

    #[test]
    fn whoever_comes_without_a_past_is_no_evidence_against_a_site_that_was_there_before() {
        let mut lives = registered();
        lives.push(Life { install: OTHER, ..life(9, None) });
        let all = |incarnation: &Incarnation| stored(incarnation) + u64::from(*incarnation == name(9));
        assert_eq!(judge(&lives, all, HOME, &[link(3, Some(at(2, 5)), 7)]), Judgement::default());
        let later = judge(&lives, all, OTHER, &[link(10, Some(at(9, 1)), 0)]);
        assert_eq!(later.findings, [Finding::Replaced { install: OTHER, incarnation: name(10) }]);
        assert_eq!(later.lost, [at(1, 80), at(2, 5), at(3, 7)], "and its next life still has none");
    }

    #[test]
    fn a_retired_life_and_its_children_are_refused_and_their_past_before_is_not() {
        let mut lives = registered();
        lives.push(life(4, Some(at(1, 50))));
        for (life, beyond) in lives.iter_mut().zip([50, 0, 0]) {
            life.retired_beyond = Some(beyond);
        }
        let all = |incarnation: &Incarnation| stored(incarnation) + u64::from(*incarnation == name(4));
        let winner = [link(1, None, 50), link(4, Some(at(1, 50)), 1)];
        assert_eq!(judge(&lives, all, HOME, &winner), Judgement::default());
        assert_eq!(judge(&lives, all, HOME, &[link(5, Some(at(4, 1)), 0)]), Judgement::default());
        let refused = |links: &[Link]| judge(&lives, all, HOME, links).refused;
        assert_eq!(refused(&[link(1, None, 95)]), Some(name(1)), "the clone runs on");
        assert_eq!(refused(&[link(6, Some(at(1, 95)), 0)]), Some(name(1)), "the clone has restarted");
        assert_eq!(refused(&[link(3, Some(at(2, 5)), 9)]), Some(name(3)));
        let enrolled_anew = judge(&lives, all, OTHER, &[link(6, Some(at(1, 95)), 0)]);
        assert_eq!((enrolled_anew.refused, enrolled_anew.lost), (None, vec![at(4, 1)]));
    }
}
