//! Tables, figures and the HTML report of finished runs; knows only the output files.
