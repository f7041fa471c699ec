//! A reward and a preference model of your own, without touching `fisc`.
//! `cargo run -p fisc-plugin` from the top of the repository.

use fisc::preferences::{Judgements, PreferenceModel, View};
use fisc::rewards::learned::{Features, Learned, Weights};
use fisc::rewards::{Judged, Reward, Situation};
use fisc::run::Simulation;
use fisc::world::learning::RewardPlugin;

/// Mean disposable income of the poorer half of workers, less what their effort costs.
#[derive(Clone, Debug)]
struct PoorerHalf;

impl Reward for PoorerHalf {
    fn judge(&self, situation: &Situation) -> fisc::Result<Judged> {
        let mut by_wage: Vec<usize> = (0..situation.workers()).collect();
        by_wage.sort_by(|&a, &b| situation.wage[a].total_cmp(&situation.wage[b]));
        let half = &by_wage[..by_wage.len().div_ceil(2)];
        let sum: f64 = half.iter().map(|&i| situation.utility[i]).sum();
        Ok(Judged::plain(sum / half.len() as f64))
    }
    fn boxed(&self) -> Box<dyn Reward> {
        Box::new(self.clone())
    }
}

/// Believes that of two outcomes the one with more of the first feature is always preferred, with
/// the odds at which it was so in the data.
#[derive(Clone, Debug, Default)]
struct FirstFeature {
    right: f64,
    scale: f64,
}

impl PreferenceModel for FirstFeature {
    fn fit(&mut self, data: &Judgements, _seed: u64) -> fisc::Result<()> {
        let first = |item: u32| data.items.row(item)[0];
        let pairs = &data.comparisons;
        let agrees = pairs
            .iter()
            .filter(|c| (first(c.a) > first(c.b)) == (c.outcome > 0.5));
        self.right = (agrees.count() as f64 + 1.0) / (pairs.len() as f64 + 2.0);
        self.scale = data.items.scaling().spread[0];
        Ok(())
    }
    fn prob(&self, a: &[f64], b: &[f64], _view: View) -> f64 {
        0.5 + (self.right - 0.5) * f64::from(a[0].total_cmp(&b[0]) as i8)
    }
    fn score(&self, item: &[f64], _view: View) -> Option<f64> {
        Some(item[0] / self.scale.max(f64::MIN_POSITIVE))
    }
    // One score for all raters.
    fn pools_raters(&self) -> bool {
        true
    }
    fn boxed(&self) -> Box<dyn PreferenceModel> {
        Box::new(self.clone())
    }
}

fn main() -> fisc::Result<()> {
    let scenario = fisc::scenario::load("examples/preferences/bradley-terry.toml".as_ref(), &[])?;
    let simulation = Simulation::new(scenario)?;
    let model = Learned::new(FirstFeature::default(), Features::Own, Weights::InverseWage);
    for (name, plugin) in [
        ("poorer half", RewardPlugin::new(PoorerHalf)),
        ("own model", RewardPlugin::new(model)),
    ] {
        let (arms, _) = simulation
            .clone()
            .add_plugins(plugin)
            .play(Default::default(), &|_| {})?;
        let year = arms[0].years.last().expect("a tax year");
        println!("{name:12} {} {:.0} $/year", year.schedule, year.welfare);
    }
    Ok(())
}
