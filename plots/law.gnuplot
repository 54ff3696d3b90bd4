# Do rings obey the law? The distribution of node shares against Beta(V, (n-1)V).
load plots . "/style.gnuplot"
names = names_in("law.csv")
k = words(names)
n = int(system(sprintf("awk -F, 'NR == 2 { print $2 }' '%s/law.csv'", data)))
v = int(system(sprintf("awk -F, 'NR == 2 { print $3 }' '%s/law.csv'", data)))
set title sprintf("Shares of %d nodes with %d points each on rings, and the law they must follow", n, v)
set xlabel "share of the hash space / its due"
set ylabel "part of the nodes with at most this share, %"
set yrange [0:100]
set key top left
# about 120 marks of each, so that they can be told apart
sorted(name) = sprintf("< awk -F, '$1 == \"%s\" && $9 != \"\" { print $9 }' '%s/shares.csv' | LC_ALL=C sort -g | awk '{ share[NR] = $1 } END { step = NR / 120; for (i = 0.5; i < 120; i++) { at = int(i * step) + 1; print share[at] \",\" 100 * (at - 0.5) / NR } }'", name, data)
plot only(word(names, 1), "law.csv") using "share":(100 * column("cdf")) with lines linewidth 2 linecolor rgb ink \
        title "Beta(V, (n-1)V)", \
     for [i = 1:k] sorted(word(names, i)) using 1:2 \
        with points pointtype mark(i + 5 * (i > 1)) pointsize (i > 1 ? 1 : 0.6) linecolor rgb color(i) title word(names, i)
