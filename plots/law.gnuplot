# Do rings obey the law? The distribution of node shares against Beta(V, (n-1)V).
load plots . "/style.gnuplot"
set title "Shares of a ring's nodes, measured and by the Beta law"
names = names_in("law.csv")
set xlabel "share of the hash space / its due"
set ylabel "part of the nodes with at most this share"
set yrange [0:1]
set key top left
rows(name) = real(system(sprintf("awk -F, '$1 == \"%s\"' '%s/shares.csv' | wc -l", name, data)))
sorted(name) = sprintf("< awk -F, '$1 == \"%s\" && $9 != \"\" { print $9 }' '%s/shares.csv' | LC_ALL=C sort -g | awk -v n=%d '{ print $1 \",\" (NR - 0.5) / n }'", name, data, rows(name))
plot for [i = 1:words(names)] sorted(word(names, i)) using 1:2 \
        with points pointtype mark(i) pointsize 0.35 linecolor rgb color(i) title word(names, i), \
     only(word(names, 1), "law.csv") using "share":"cdf" with lines linewidth 2 linecolor rgb ink \
        title "Beta(V, (n-1)V)"
