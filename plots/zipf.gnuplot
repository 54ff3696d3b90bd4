# What does popularity do to balance, and what does bounded load do about it?
load plots . "/style.gnuplot"
set title "The fullest node as keys grow unequal in popularity"
names = names_in("balance.csv")
nodes = system(sprintf("awk -F, 'NR > 1 && !seen[$3]++ { print $3 }' '%s/balance.csv'", data))
of(name, n) = sprintf("< awk -F, 'NR == 1 || $1 == \"%s\" && $3 == \"%s\"' '%s/balance.csv'", name, n, data)
set xlabel "Zipf exponent of popularity"
set yrange [1:*]
set ylabel "requests of the fullest node / its due"
set logscale y
set key top left
set format y "%g"
plot for [j = 1:words(nodes)] for [i = 1:words(names)] of(word(names, i), word(nodes, j)) \
        using "zipf":"load_max":"load_max_p5":"load_max_p95" with yerrorlines linewidth 1.5 \
        linecolor rgb color(i) dashtype dash(j) pointtype mark(i + 2 * j) \
        title word(names, i) . ", " . word(nodes, j) . " nodes"
