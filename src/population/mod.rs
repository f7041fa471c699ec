//! Wage priors, demographics, personas.
