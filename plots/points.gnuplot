# How many points does a ring need? CV and max/mean against points per node, with the closed forms.
high = 500
load plots . "/style.gnuplot"
names = names_in("balance.csv")
n = real(system(sprintf("awk -F, 'NR == 2 { print $3 }' '%s/balance.csv'", data)))
ring_law(v) = 100 * sqrt((n - 1) / (n * v + 1))
set multiplot layout 1, 2 title sprintf("How many points does each of %d nodes need on a ring?", int(n)) textcolor rgb ink
set logscale xy
set samples 41
set xlabel "points per node"
set xrange [0.8:1300]
set format "%g"
set key top right
set ylabel "coefficient of variation of node shares, %"
set yrange [1.5:400]
plot ring_law(x) with lines linecolor rgb soft linewidth 2 title "√((n-1)/(nV+1))", \
     ring_law(x) / sqrt(2) with lines linecolor rgb soft dashtype 2 linewidth 2 title "the same / √2", \
     for [i = 1:words(names)] only(word(names, i), "balance.csv") \
        using "points":(100 * column("exact_cv_rms")):(100 * column("exact_cv_rms_low")):(100 * column("exact_cv_rms_high")) \
        with yerrorbars linecolor rgb color(i) pointtype mark(i) title word(names, i)

set ylabel "load of the fullest node / its due"
set yrange [1:9]
set ytics (1, 1.1, 1.2, 1.3, 1.5, 2, 3, 4, 6, 8)
plot only("ring", "balance.csv") using "points":"exact_max_law" with lines linecolor rgb soft linewidth 2 title "median by the Beta law", \
     for [i = 1:words(names)] only(word(names, i), "balance.csv") \
        using "points":"exact_max_p50":"exact_max_p5":"exact_max_p95" \
        with yerrorbars linecolor rgb color(i) pointtype mark(i) title word(names, i) . ", 5 to 95 %"
unset multiplot
