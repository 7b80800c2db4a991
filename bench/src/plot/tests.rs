use super::*;

fn chart() -> Chart {
    let series = |name: &str, values: &[f64]| Series {
        name: name.to_owned(),
        points: values.iter().map(|value| Point::of(&[value * 0.9, *value, value * 1.1])).collect(),
    };
    Chart {
        title: "One stream <over> distance & loss".to_owned(),
        subtitle: "1 Gbit/s, no loss".to_owned(),
        along: "round-trip time".to_owned(),
        conditions: ["0 ms", "10 ms", "110 ms"].map(str::to_owned).to_vec(),
        upwards: "Mbit/s".to_owned(),
        logarithmic: false,
        bound: Some((1000.0, "the link".to_owned())),
        series: vec![
            series("a", &[950.0, 940.0, 900.0]),
            series("b", &[951.0, 941.0, 901.0]),
            series("c", &[100.0, 50.0, 1.0]),
        ],
    }
}

#[test]
fn a_median_with_its_range() {
    assert_eq!(Point::of(&[3.0, 1.0, 2.0]), Some(Point { low: 1.0, middle: 2.0, high: 3.0 }));
    assert_eq!(Point::of(&[4.0, 1.0]).unwrap().middle, 2.5);
    assert_eq!(Point::of(&[]), None);
}

#[test]
fn words_are_escaped_and_every_element_is_closed() {
    let svg = chart().svg();
    assert!(svg.contains("One stream &lt;over&gt; distance &amp; loss"));
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn larger_values_are_higher_and_names_never_cover_each_other() {
    for logarithmic in [false, true] {
        let chart = Chart { logarithmic, ..chart() };
        let scale = Scale::of(&chart);
        assert!(scale.y(900.0) < scale.y(100.0) && scale.y(100.0) < scale.y(1.0));
        let mut heights = chart.name_heights(&scale);
        heights.sort_by(f64::total_cmp);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= NAME_STEP - 0.01), "{heights:?}");
        assert!(scale.ticks().len() >= 3, "{:?}", scale.ticks());
    }
}

#[test]
fn what_was_not_measured_is_left_out() {
    let mut chart = chart();
    chart.series[0].points[1] = None;
    let svg = chart.svg();
    assert_eq!(svg.matches("<circle").count(), 2);
    chart.series.iter_mut().for_each(|series| series.points = vec![None; 3]);
    assert!(!chart.svg().contains("NaN"));
}
