//! How well predictions fit what came true: metrics with intervals, gates, and the pages that show them.
