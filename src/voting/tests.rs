//! Profiles worked by hand in the literature of social choice.

use super::rules::strongest_paths;
use super::*;
use crate::random::Streams;
use proptest::prelude::*;

/// Voters with strict rankings: (how many, candidates from best to worst as letters from A).
fn profile(groups: &[(usize, &str)]) -> Ballots {
    let candidates = groups[0].1.len();
    let ballot = |ranking: &str| {
        let mut utility = vec![0.0; candidates];
        for (place, letter) in ranking.bytes().enumerate() {
            utility[usize::from(letter - b'A')] = (candidates - place) as f64;
        }
        Some(utility)
    };
    let voters: Vec<_> = groups
        .iter()
        .flat_map(|&(count, ranking)| std::iter::repeat_n(ballot(ranking), count))
        .collect();
    Ballots::new(candidates, &voters).unwrap()
}

fn election(ballots: &Ballots, rule: Rule) -> Election {
    elect(ballots, rule, &mut Streams::new(1, "test").at(0, 0)).unwrap()
}

fn winner(ballots: &Ballots, rule: Rule) -> char {
    let election = election(ballots, rule);
    assert!(election.tied.is_empty(), "{rule:?}: {election:?}");
    char::from(b'A' + election.winner as u8)
}

/// Condorcet (1785): three voters in a circle. Nobody beats all; what counts pairs sees a tie.
#[test]
fn condorcet_paradox() {
    let circle = profile(&[(1, "ABC"), (1, "BCA"), (1, "CAB")]);
    assert_eq!(circle.pairwise().condorcet_winner(), None);
    for rule in [Rule::Copeland, Rule::Schulze, Rule::Borda, Rule::Plurality] {
        let election = election(&circle, rule);
        assert_eq!((election.tied, election.margin), (vec![0, 1, 2], 0.0));
    }
    // With 6, 5 and 4 voters the weakest victory (of C over A, by 9) gives way: A wins.
    let circle = profile(&[(6, "ABC"), (5, "BCA"), (4, "CAB")]);
    assert_eq!(circle.pairwise().condorcet_winner(), None);
    assert_eq!(winner(&circle, Rule::Schulze), 'A');
    assert_eq!(election(&circle, Rule::Copeland).tied, [0, 1, 2]);
}

/// Tennessee's capital, the standard textbook example: A Memphis, B Nashville, C Chattanooga,
/// D Knoxville.
#[test]
fn tennessee() {
    let voters = profile(&[(42, "ABCD"), (26, "BCDA"), (15, "CDBA"), (17, "DCBA")]);
    let winners = Rule::ALL.map(|rule| (rule, winner(&voters, rule)));
    assert_eq!(
        winners[..4],
        [
            (Rule::Plurality, 'A'),
            (Rule::Runoff, 'B'),
            (Rule::InstantRunoff, 'D'),
            (Rule::Borda, 'B'),
        ]
    );
    assert_eq!(winner(&voters, Rule::Copeland), 'B');
    assert_eq!(winner(&voters, Rule::Schulze), 'B');
    assert_eq!(voters.pairwise().condorcet_winner(), Some(1));
    // Published counts: Borda 126, 194, 173, 107 of 300 points; instant runoff ends 58 to 42.
    let borda = election(&voters, Rule::Borda).scores;
    for (score, points) in borda.iter().zip([126.0, 194.0, 173.0, 107.0]) {
        assert!((score - points / 300.0).abs() < 1e-12);
    }
    let instant = election(&voters, Rule::InstantRunoff);
    let out: Vec<_> = instant
        .rounds
        .iter()
        .map(|round| &round.eliminated[..])
        .collect();
    assert_eq!(out, [&[2][..], &[1], &[]]);
    assert!((instant.margin - 0.16).abs() < 1e-12);
    let runoff = election(&voters, Rule::Runoff);
    assert!((runoff.margin - 0.16).abs() < 1e-12);
    assert!((election(&voters, Rule::Plurality).margin - 0.16).abs() < 1e-12);
    // Approval of what is above the mean place: the first two of four.
    let approval = election(&voters, Rule::Approval);
    assert_eq!(approval.scores, [0.42, 0.68, 0.58, 0.32]);
    assert_eq!((approval.winner, winner(&voters, Rule::Score)), (1, 'B'));
}

/// Instant runoff is not monotonic (Fishburn and Brams 1983): A wins, ten voters raise A from last
/// to first place, and A loses.
#[test]
fn instant_runoff_punishes_who_is_raised() {
    let before = profile(&[(39, "ABC"), (35, "BCA"), (26, "CAB")]);
    assert_eq!(winner(&before, Rule::InstantRunoff), 'A');
    let after = profile(&[(49, "ABC"), (25, "BCA"), (26, "CAB")]);
    assert_eq!(winner(&after, Rule::InstantRunoff), 'C');
}

/// The example of Schulze (2011, section 3.1): 45 voters, winner E, with its strongest paths.
#[test]
fn schulze_paths() {
    let voters = profile(&[
        (5, "ACBED"),
        (5, "ADECB"),
        (8, "BEDAC"),
        (3, "CABED"),
        (7, "CAEBD"),
        (2, "CBADE"),
        (7, "DCEBA"),
        (8, "EBADC"),
    ]);
    let paths = strongest_paths(&voters.pairwise());
    let published = [
        [0, 28, 28, 30, 24],
        [25, 0, 28, 33, 24],
        [25, 29, 0, 29, 24],
        [25, 28, 28, 0, 24],
        [25, 28, 28, 31, 0],
    ];
    for (row, expected) in paths.iter().zip(published) {
        assert_eq!(row[..], expected);
    }
    let election = election(&voters, Rule::Schulze);
    assert_eq!(election.winner, 4);
    // Its closest opponents are reached by 25 votes against 24.
    assert!((election.margin - 1.0 / 45.0).abs() < 1e-12);
}

/// Left, centre, right: the centre beats both, and plurality does not see it.
#[test]
fn plurality_misses_the_centre() {
    let voters = profile(&[(40, "ABC"), (13, "BAC"), (12, "BCA"), (35, "CBA")]);
    assert_eq!(winner(&voters, Rule::Plurality), 'A');
    assert_eq!(winner(&voters, Rule::InstantRunoff), 'A');
    for rule in [Rule::Copeland, Rule::Schulze, Rule::Borda] {
        assert_eq!(winner(&voters, rule), 'B');
    }
}

/// Borda can miss a candidate whom a majority puts first (Condorcet's own objection).
#[test]
fn borda_against_a_majority() {
    let voters = profile(&[(3, "ABC"), (2, "BCA")]);
    assert_eq!(winner(&voters, Rule::Borda), 'B');
    for rule in [Rule::Copeland, Rule::Schulze, Rule::Plurality, Rule::Runoff] {
        assert_eq!(winner(&voters, rule), 'A');
    }
}

/// Score takes strength into account: 3 voters slightly prefer A, 2 much prefer B.
#[test]
fn score_weighs_strength() {
    let mild = Some(vec![1.0, 0.9, 0.0]);
    let strong = Some(vec![0.0, 1.0, 0.0]);
    let voters = [mild.clone(), mild.clone(), mild, strong.clone(), strong];
    let ballots = Ballots::new(3, &voters).unwrap();
    assert_eq!(winner(&ballots, Rule::Score), 'B');
    assert_eq!(winner(&ballots, Rule::Plurality), 'A');
    let scores = election(&ballots, Rule::Score).scores;
    assert!((scores[0] - 0.6).abs() < 1e-12 && (scores[1] - 0.94).abs() < 1e-12);
}

#[test]
fn indifference_and_absence() {
    // One voter for A, one for both A and B alike, one indifferent, one absent.
    let voters = [
        Some(vec![1.0, 0.0, 0.0]),
        Some(vec![1.0, 1.0, 0.0]),
        Some(vec![5.0, 5.0, 5.0]),
        None,
    ];
    let ballots = Ballots::new(3, &voters).unwrap();
    let plurality = election(&ballots, Rule::Plurality);
    // A: 1 + ½ + ⅓ of three votes.
    assert!((plurality.scores[0] - (1.0 + 0.5 + 1.0 / 3.0) / 3.0).abs() < 1e-12);
    assert!((plurality.scores.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(plurality.turnout, 0.75);
    assert_eq!(ballots.pairwise().prefer(0, 1), 1);
    assert_eq!(ballots.pairwise().prefer(1, 0), 0);
    // Points of A: 2 + 1½ + 1 of six.
    assert!((election(&ballots, Rule::Borda).scores[0] - 4.5 / 6.0).abs() < 1e-12);
    assert_eq!(election(&ballots, Rule::Approval).scores[2], 1.0 / 3.0);
    for rule in Rule::ALL {
        assert_eq!(winner(&ballots, rule), 'A');
    }
    let nobody = Ballots::new(2, &[None, None]).unwrap();
    assert!(elect(&nobody, Rule::Borda, &mut Streams::new(1, "t").at(0, 0)).is_none());
    let alone = Ballots::new(1, &[Some(vec![0.0])]).unwrap();
    for rule in Rule::ALL {
        assert_eq!(election(&alone, rule).winner, 0);
    }
    assert!(Ballots::new(2, &[Some(vec![1.0])]).is_err());
    assert!(Ballots::new(1, &[Some(vec![f64::NAN])]).is_err());
    assert!(Ballots::new(0, &[]).is_err());
}

/// Two equal candidates: over seeds the lot falls on both, half of the time each.
#[test]
fn ties_are_broken_by_lot() {
    let tie = profile(&[(1, "AB"), (1, "BA")]);
    for rule in Rule::ALL {
        let streams = Streams::new(5, "lots");
        let first = (0..400)
            .filter(|&i| elect(&tie, rule, &mut streams.at(i, 0)).unwrap().winner == 0)
            .count();
        assert!((140..260).contains(&first), "{rule:?}: {first}");
    }
}

proptest! {
    /// Single-peaked preferences and an odd number of voters: the candidate at the median of the
    /// voters' tops beats every other (Black 1948), and the pairwise rules elect it.
    #[test]
    fn the_median_wins(ideals in prop::collection::vec(0.0..1.0f64, 1..30), n in 2usize..12) {
        let mut ideals = ideals;
        if ideals.len() % 2 == 0 {
            ideals.push(0.5);
        }
        let place = |c: usize| c as f64 / (n - 1) as f64;
        // Nobody is indifferent between two candidates.
        let voters: Vec<_> = ideals
            .iter()
            .map(|x| Some((0..n).map(|c| -(x + 1e-7 - place(c)).abs()).collect()))
            .collect();
        let ballots = Ballots::new(n, &voters).unwrap();
        let mut tops: Vec<usize> = ballots
            .iter()
            .map(|u| (0..n).fold(0, |best, c| if u[c] > u[best] { c } else { best }))
            .collect();
        tops.sort_unstable();
        let median = tops[tops.len() / 2];
        prop_assert_eq!(ballots.pairwise().condorcet_winner(), Some(median));
        for rule in [Rule::Copeland, Rule::Schulze] {
            prop_assert_eq!(election(&ballots, rule).winner, median);
        }
    }

    /// A Condorcet winner is elected by Copeland and Schulze; renaming candidates renames the
    /// winner under every rule.
    #[test]
    fn condorcet_and_neutrality(
        voters in prop::collection::vec(prop::collection::vec(0u8..6, 4), 1..25),
        shift in 1usize..4,
    ) {
        let cast = |shift: usize| {
            let rows: Vec<_> = voters
                .iter()
                .map(|u| Some((0..4).map(|c| f64::from(u[(c + shift) % 4])).collect()))
                .collect();
            Ballots::new(4, &rows).unwrap()
        };
        let (ballots, renamed) = (cast(0), cast(shift));
        for rule in Rule::ALL {
            let (here, there) = (election(&ballots, rule), election(&renamed, rule));
            let lots = |e: &Election| {
                let drawn = e.rounds.iter().any(|round| {
                    let mut left: Vec<f64> = round.shares.clone();
                    left.retain(|share| *share > 0.0);
                    left.sort_by(f64::total_cmp);
                    left.windows(2).any(|pair| pair[1] - pair[0] < 1e-6)
                        || round.shares.len() - left.len() > 1
                });
                !e.tied.is_empty() || drawn
            };
            if !lots(&here) {
                prop_assert_eq!((there.winner + shift) % 4, here.winner, "{:?}", rule);
            }
            if let (Some(best), Rule::Copeland | Rule::Schulze) =
                (ballots.pairwise().condorcet_winner(), rule)
            {
                prop_assert_eq!(here.winner, best);
            }
        }
    }
}
