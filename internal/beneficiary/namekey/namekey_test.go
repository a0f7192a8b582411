package namekey_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waystation/waystation/internal/beneficiary/namekey"
)

func TestKeys_OneNameUnderAllItsSpellings(t *testing.T) {
	for _, spellings := range []string{
		"Diallo|Djallo|Dialo|Jallow|Jalloh|Diallow|DIALLO|Dyallo|ديالو",
		"Camara|Kamara|Kammara|Camarah|كامارا",
		"Keïta|Keita|Kéïta|Kayta|Keyta|كيتا",
		"Mohamed|Muhammad|Mohammed|Mouhamed|Mohamad|Mahamat|محمد|مُحَمَّد",
		"Ahmed|Ahmad|Ahmet|Ahmat|أحمد|احمد",
		"Oumar|Omar|Umar|Omer|عمر",
		"Ouattara|Wattara|Watara|Ouatara",
		"Souleymane|Suleiman|Sulayman|Soulaymane|سليمان",
		"Traoré|Traore|Traoreh",
		"Touré|Toure|Touray",
		"Coulibaly|Koulibaly|Kulibali|Coulibali",
		"Philippe|Filippe|Filip",
		"Cheikh|Sheikh|Cheick|Shaikh|شيخ",
		"Diop|Jobe|Diob|Djop",
		"Sidibé|Sidibeh|Sidibe",
		"Yousouf|Youssouf|Yusuf|يوسف",
		"Ibrahim|Ibrahima|Ebrima|Ibraheem|إبراهيم",
		"N'Diaye|Ndiaye|NDIAYE|N’Diaye|Njaye",
		"Bah|Ba|Bâ|BÂ",
		"Hamidou|Amidou|Hammidou",
		"Khadija|Khadidja|Kadidia|خديجة",
		"Fatima|Fatma|Fatimah|فاطمة",
		"Abdallah|Abdoulaye|Abdullah|Abd Allah|عبد الله|عبدالله",
		"Abdoulaziz|Abdoul Aziz|Abdul-Aziz|Abdelaziz|Abd al Aziz|عبد العزيز|عبدالعزيز",
		"Abderrahmane|Abd al-Rahman|Abdourahmane|Abdirahman|عبد الرحمن",
		"El Hadj|Elhadji|Alhaji|Hadj",
		"Niang|Nyang|Gnang",
		"Zeinab|Zainab|Zeynab|زينب",
		"Gibril|Jibril|Djibril|جبريل",
		"Savané|Sawane|Savaneh",
		"Quenum|Kenoum|Kenum",
		"Kouyaté|Kuyateh|Couyate|كوياتي",
		"Mariama|Mariyama|Maryam",
	} {
		names := strings.Split(spellings, "|")
		want := namekey.Keys(names[0])
		if len(want) == 0 {
			t.Errorf("%s has no key", names[0])
		}
		for _, name := range names[1:] {
			if got := namekey.Keys(name); !slices.Equal(got, want) {
				t.Errorf("%s is %v, %s is %v", names[0], want, name, got)
			}
		}
	}
}

func TestKeys_TellNamesApart(t *testing.T) {
	names := []string{"Diallo", "Camara", "Keita", "Mohamed", "Ahmed", "Oumar", "Traoré", "Touré", "Coulibaly", "Ba", "Sy", "Sow", "Ly", "Barry",
		"Sidibé", "Ibrahim", "Fatima", "Fatoumata", "Aminata", "Amina", "Cissé", "Condé", "Bangoura", "Sylla", "Kouyaté", "Moussa", "Issa", "Ali", "Idriss"}
	seen := map[string]string{}
	for _, name := range names {
		key := strings.Join(namekey.Keys(name), " ")
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s are both %q", other, name, key)
		}
		seen[key] = name
	}
}

func TestKeys_OrderParticlesAndRepeatsDoNotMatter(t *testing.T) {
	for a, b := range map[string]string{
		"Mamadou Alpha Diallo":  "Jallow, Alpha Mamadou",
		"Mohamed Ould Ahmed":    "Ahmed Mohamed",
		"Ali ben Youssef":       "Youssef Ali",
		"محمد بن أحمد الطاهر":   "أحمد محمد بن طاهر",
		"Diallo Diallo Mamadou": "Mamadou Diallo",
	} {
		if !slices.Equal(namekey.Keys(a), namekey.Keys(b)) {
			t.Errorf("%q is %v, %q is %v", a, namekey.Keys(a), b, namekey.Keys(b))
		}
	}
}

func TestKeys_OfOddNames(t *testing.T) {
	for name, want := range map[string][]string{
		"":           {},
		" -–' ":      {},
		"😀":          {},
		"Aya":        {"AY"},
		"Ea":         {"ea"},
		"Ould":       {"ALT"},  // a particle alone is a name
		"ተስፋዬ":       {"ተስፋዬ"}, // letters that we do not hear are compared as they are
		"李":          {"李"},
		"N":          {"N"},
		"Anne 2":     {"2", "AN"},
		"Ɗan Ɓaba":   {"BB", "DN"},
		"Ọbá Ɔsei 😀": {"AB", "AS"},
	} {
		if got := namekey.Keys(name); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%q is %v, want %v", name, got, want)
		}
	}
	if n := len(namekey.Keys(strings.Repeat("Ba Be Bo Ca Da Fa Ga Ka La Ma Na Pa Ra Sa Ta ", 1000))); n != 12 {
		t.Errorf("a name of thousands of parts has %d keys", n)
	}
}
