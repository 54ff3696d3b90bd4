# How many points does a ring need? CV and max/mean against points per node, with the closed form.
load plots . "/style.gnuplot"
set multiplot layout 1, 2 title "How many points does a node need on a ring?" textcolor rgb ink
set logscale xy
set xlabel "points per node"
set xrange [0.8:*]
names = names_in("balance.csv")
n = real(system(sprintf("awk -F, 'NR == 2 { print $3 }' '%s/balance.csv'", data)))
ring_law(v) = 100 * sqrt((n - 1) / (n * v + 1))

set ylabel "coefficient of variation of node shares, %"
set key top right
set format y "%g"
plot for [i = 1:words(names)] only(word(names, i), "balance.csv") \
        using "points":(100 * column("exact_cv_rms")):(100 * column("exact_cv_rms_low")):(100 * column("exact_cv_rms_high")) \
        with yerrorbars linecolor rgb color(i) pointtype mark(i) title word(names, i), \
     ring_law(x) with lines linecolor rgb soft dashtype 2 linewidth 2 title "√((n-1)/(nV+1))", \
     ring_law(x) / sqrt(2) with lines linecolor rgb soft dashtype 4 linewidth 2 title "the same / √2"

unset logscale y
set ylabel "load of the fullest node / its due"
set yrange [1:*]
plot for [i = 1:words(names)] only(word(names, i), "balance.csv") \
        using "points":"exact_max":"exact_max_p5":"exact_max_p95" \
        with yerrorlines linecolor rgb color(i) pointtype mark(i) dashtype dash(i) title word(names, i)
unset multiplot
