package konecty.dates_test

import data.konecty.dates

test_dates if {
	every value in [
		"2026-03-16", "2026-3-16", "2026-02-30", "2026-03-16T14:00:00.000Z", "2026-03-16 14:00", "2026-03-16T24:00:00-03:00", "03/16/2026",
		"16 Mar 2026", "0001-13-01", 0, -1, 8640000000000000, true, false, {"$date": "2026-03-16"}, {"$date": 7}, ["2026-03-16"], [2026],
		["2026", "3"],
	] {
		dates.possible(value)
	}
}

test_no_dates if {
	every value in [
		"tomorrow", "", "2026-13-01", "2026-00-10", "2026-03-32", "2026-03-16T25:00", "2026-03-16 14:60:00", "16/03/2026", "1/32/2026", 8640000000000001,
		null, {}, {"x": 1}, {"$date": {}}, {"$date": "never"}, {"$date": null}, [], ["never"],
	] {
		not dates.possible(value)
	}
}
