//! Pure public finance: schedules, labour supply, welfare, inequality, Saez, the optimum.
