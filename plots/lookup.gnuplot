# What does a lookup cost as the cluster grows?
load plots . "/style.gnuplot"
set title "From key to node: time of one lookup"
names = names_in("balance.csv")
set logscale xy
set xlabel "nodes"
set ylabel "ns"
set xrange [2.5:1200]
set key outside right center
set format y "%g"
plot for [i = 1:words(names)] only(word(names, i), "balance.csv") using "nodes":"key_ns" \
        with linespoints linewidth 1.5 linecolor rgb color(i) pointtype mark(i) dashtype dash((i - 1) / 8 + 1) title word(names, i)
