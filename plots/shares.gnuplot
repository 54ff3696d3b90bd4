# Who spreads keys how evenly? One box per algorithm: quartiles, whiskers to 5 and 95 %, extremes.
wide = 900; high = 620
load plots . "/style.gnuplot"
set title "Load of each node against its due, all seeds"
names = names_in("shares.csv")
set style fill solid 0.45 border rgb ink
set style boxplot fraction 0.90 outliers pointtype 7
set boxwidth 0.6
set pointsize 0.25
unset key
set xrange [0.3:words(names) + 0.7]
set xtics rotate by -40 left scale 0
do for [i = 1:words(names)] { set xtics add (word(names, i) i) }
set ylabel "keys of a node / its due"
set grid noxtics
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linecolor rgb soft dashtype 2 back
plot for [i = 1:words(names)] only(word(names, i), "shares.csv") using (i):"by_keys" \
        with boxplot linecolor rgb color(i)
